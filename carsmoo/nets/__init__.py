"""Everything that needs torch: operations, the supernet, stand-alone networks, data, training, the problem."""
