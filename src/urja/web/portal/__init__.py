"""The consumer's pages: balance, use, and charges and payments (docs/portal.md)."""
