"""Use cases: the only place where domain, ports and store meet."""
