"""The reading side of the rulebook."""
