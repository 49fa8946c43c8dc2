"""The SQL of a migration: a file beside it, which reads better than a string in Python."""

from pathlib import Path


def sql_beside(migration: str) -> str:
    """Return the statements of `0002_rules.sql` for `0002_rules.py`, which passes its `__file__`."""
    return Path(migration).with_suffix(".sql").read_text()
