"""Loaded meter types: every version is stored as its files and never changed."""
