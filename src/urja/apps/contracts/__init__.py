"""Agreements: who pays for a service point, for which time, on which terms."""
