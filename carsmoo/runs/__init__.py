"""A run's directory, checkpoints, resuming and what is made of a run."""
