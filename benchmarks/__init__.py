"""One script for each published claim; the last line it prints is ``RESULT {json}``."""
