"""Each module answers one question over several owners."""
