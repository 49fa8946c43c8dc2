"""Commissioning: an installed meter is called and checked, and is billed only once it has passed."""
