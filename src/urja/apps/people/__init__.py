"""People, what they agreed to and what protects them."""
