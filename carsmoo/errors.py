"""What a command tells with an exit code of its own."""


class StoppedError(RuntimeError):
    """Work that could not go on though nothing about its input was wrong; the message says why, and what is kept."""
