"""E-mail through the relay of `[mail]` (README.md)."""
