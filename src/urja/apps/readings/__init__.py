"""Readings: interval rows with versions, point register reads, events, gaps, and the energy accrued from them."""
