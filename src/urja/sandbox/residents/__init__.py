"""People of a demonstration: they sign in, look at their balance and recharge by habit, through the pages alone."""
