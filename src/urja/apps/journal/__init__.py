"""What was asked for and what was done: requests, the audit of operations, rows as they were before."""
