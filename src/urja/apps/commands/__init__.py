"""Commands to meters: each a record with a life that only goes forward and ends once."""
