"""The consumer's page: what is left, what was used, and why the balance moved (docs/portal.md)."""
