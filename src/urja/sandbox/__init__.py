"""Stand-ins for outside services, each a process with its own book: a payment gateway, an SMS service."""
