"""The ledger: consumers' accounts, contra accounts of each bucket, and entries that are never changed.

It knows accounts and amounts only, no agreements.
"""
