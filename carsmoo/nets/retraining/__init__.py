"""Networks trained alone, in full."""
