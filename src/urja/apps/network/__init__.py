"""Where supply is taken: utilities, premises and service points, and the two dated trees of nodes they hang in."""
