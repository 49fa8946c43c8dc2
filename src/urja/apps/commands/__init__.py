"""Commands to meters: signed, expiring records whose states only go forward and end once."""
