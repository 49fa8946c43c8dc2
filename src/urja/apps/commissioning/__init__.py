"""Commissioning: a meter that was hung up is called and checked, and is billed by only once it has passed."""
