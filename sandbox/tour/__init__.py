"""`make tour`: every scene of the sandbox, played with the real bot and printed as a conversation."""
