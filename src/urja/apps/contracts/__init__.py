"""Agreements: who pays for a service point, from when to when, on which terms."""
