"""Supervisor of the processes on one machine: starts, watches, restarts and stops them."""
