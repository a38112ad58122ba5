"""``python -m carsmoo.cli``."""

from carsmoo.cli import main

if __name__ == "__main__":
    main()
