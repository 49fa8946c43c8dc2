"""Notices: messages to consumers, their channels and what is known of their delivery."""
