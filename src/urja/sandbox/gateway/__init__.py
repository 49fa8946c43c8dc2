"""The sandbox payment gateway, on Razorpay's wire contract."""
