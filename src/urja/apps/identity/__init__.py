"""Identities: who may sign in and what they may do. Staff, roles, access to accounts, tokens of the API."""
