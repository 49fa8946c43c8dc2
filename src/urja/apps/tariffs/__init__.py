"""Tariff documents as loaded: every version kept as its text, none ever changed."""
