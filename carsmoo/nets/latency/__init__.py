"""Latency, measured on a device."""
