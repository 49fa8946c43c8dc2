"""Work orders: what somebody must go and do, what they found, and the photographs that show it."""
