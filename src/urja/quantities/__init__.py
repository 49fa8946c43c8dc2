"""Quantities that meters measure, and the ordered sets in which their values travel and are stored."""
