"""The bot: wiring, configuration, domain, clients, store, operations, views, web ingress."""
