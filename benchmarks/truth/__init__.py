"""Truth sets: what architectures come to when each is trained alone, which a supernet's order is held against."""
