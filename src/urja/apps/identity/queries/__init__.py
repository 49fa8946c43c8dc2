"""Queries on identities: who may see and do what."""
