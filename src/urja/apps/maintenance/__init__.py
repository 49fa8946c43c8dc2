"""Maintenance of societies: an account beside the electricity of a flat, and the dues that are posted to it."""
