"""The network: utilities, premises and service points, and the two dated hierarchies of nodes above them."""
