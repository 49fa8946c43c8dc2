"""People: their contact data, consents and protected statuses."""
