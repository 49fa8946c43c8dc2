"""Statements of account: what an agreement's billing period came to, numbered and frozen."""
