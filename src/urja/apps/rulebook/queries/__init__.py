"""Reads of the rulebook."""
