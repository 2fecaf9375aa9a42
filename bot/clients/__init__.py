"""One module per remote system; each implements a port."""
