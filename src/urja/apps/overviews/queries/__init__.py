"""Queries over several apps: each module serves one kind of page or list."""
