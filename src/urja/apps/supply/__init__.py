"""Supply: what holds it off, where each account stands and why, and the way from a payment back to light."""
