"""Retraining of single networks."""
