"""The sandbox SMS service."""
