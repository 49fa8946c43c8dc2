"""Razorpay's Orders API, its signatures and webhooks."""

from urja.apps.payments.providers.razorpay.client import Razorpay

__all__ = ["Razorpay"]
