"""Stand-ins for outside services: a payment gateway and an SMS service, each a process with its own book.

They know Urja only through HTTP and import nothing of it but `urja.base` (`docs/sandbox.md`).
"""
