"""`/api/v1`: what programs may read and ask for. One table of routes makes addresses, checks and documents."""
