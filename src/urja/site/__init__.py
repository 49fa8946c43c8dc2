"""One installation on one machine: its command line, its processes, its database's roles, Django's settings."""
