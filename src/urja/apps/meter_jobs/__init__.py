"""Jobs: something that is asked of one meter or of many, with a row for each meter and what came of it."""
