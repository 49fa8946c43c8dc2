"""The sandbox payment gateway, with the API of Razorpay."""
