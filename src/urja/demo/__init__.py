"""The demonstration: a street of simulated meters with people, clerks and stand-ins, and its page."""
