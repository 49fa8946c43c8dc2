"""Meter types from outside the package, as loaded: every version kept as its files, none ever changed."""
