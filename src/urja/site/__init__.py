"""One installation on one machine: command line, supervised processes, database roles, Django settings."""
