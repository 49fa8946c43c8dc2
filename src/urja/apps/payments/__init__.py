"""Payments: orders at a payment gateway, what became of them, and the credits that follow (docs/payments.md)."""
