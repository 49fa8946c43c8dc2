"""The ledger: consumers' accounts, the contra accounts of each bucket, and entries that nobody can change."""
