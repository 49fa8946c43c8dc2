"""Providers of channels, a folder each, found by name; `urja.apps.notices.port` has their interface."""
