"""Meters: their data, installations, keys, seals and configuration."""
