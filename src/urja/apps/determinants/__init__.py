"""Determinant rows: what bills are calculated from, by agreement, period and day, append-only, with their derivation."""
