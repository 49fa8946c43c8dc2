"""Readings: versioned intervals, register reads, events, gaps, and the energy accrued from them."""
