"""Encrypted backups of a running installation, and their restore."""
