"""Migrations and grants of the tables `registry_…`, which belong to several apps (`urja.apps.network`, `assets`, `contracts` ...)."""
