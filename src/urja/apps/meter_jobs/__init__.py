"""Meter jobs: one query or command for one meter or many, with a task and its outcome for each meter."""
