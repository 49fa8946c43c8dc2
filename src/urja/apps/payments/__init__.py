"""Payments: orders at a payment gateway, their outcome, and the credits that follow (docs/payments.md)."""
