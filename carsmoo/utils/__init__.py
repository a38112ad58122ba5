"""Helpers that depend on nothing else in carsmoo: files, state capture, progress, validation."""
