"""Razorpay's Orders API, its webhooks and signatures (README.md)."""
