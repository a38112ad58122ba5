"""Networks as modules: operations, cells, the supernet, stand-alone networks, files of them."""
