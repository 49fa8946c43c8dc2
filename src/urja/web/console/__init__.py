"""The console: the utility staff's pages for supply, payments, meters and operations."""
