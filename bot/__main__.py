"""`python -m bot` is `flytower`."""

from bot.cli import main

if __name__ == "__main__":
    main()
