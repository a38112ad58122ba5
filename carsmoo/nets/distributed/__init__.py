"""Processes that train and score as one."""
