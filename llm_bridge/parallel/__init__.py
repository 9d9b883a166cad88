"""Several processes, and weights shared out over them."""
