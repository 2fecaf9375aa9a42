"""Facts about the world that change without us: each file says when it was read and where."""
