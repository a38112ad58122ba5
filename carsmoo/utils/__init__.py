"""What every room may use and no reader of the paper needs."""
