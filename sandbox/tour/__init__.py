"""`make tour`: a scripted conversation with the real bot, printed as text."""
