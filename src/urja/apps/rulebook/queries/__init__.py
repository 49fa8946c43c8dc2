"""Queries on the stored tariffs and policies."""
