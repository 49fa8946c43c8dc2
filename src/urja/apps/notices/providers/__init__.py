"""Channels of notices, a folder each, found by name; `urja.apps.notices.port` says what the files of a folder have."""
