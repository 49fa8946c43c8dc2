"""The books: consumers' accounts, the contra accounts of each bucket, and entries that nobody can change. They know no agreement."""
