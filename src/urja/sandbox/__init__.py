"""Stand-ins for the services of others: a payment gateway and an SMS service, each a process with its own book.

They know Urja by HTTP alone and import nothing of it but `urja.base` (`docs/sandbox.md`).
"""
