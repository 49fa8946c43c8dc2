"""The head-end system: the only part that talks to meters (`docs/headend.md`)."""
