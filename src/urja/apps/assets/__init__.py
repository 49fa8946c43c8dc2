"""Devices: what they are, where they were installed and when, their keys, seals and configuration."""
