"""The signed log over what was posted and recorded: a day's close, its proofs, and the laws' daily results."""
