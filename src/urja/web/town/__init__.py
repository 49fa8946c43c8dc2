"""The town: a demonstration seen from above, with buttons that break it."""
