"""Supply: holds, the state of each account and its reason, and the steps from a payment to the reconnection."""
