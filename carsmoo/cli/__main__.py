"""``python -m carsmoo.cli``."""

from carsmoo.cli.entry import main

if __name__ == "__main__":
    main()
