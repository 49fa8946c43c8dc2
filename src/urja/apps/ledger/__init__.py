"""Migrations and grants of the tables `ledger_…`, which belong to `urja.apps.books` and `urja.apps.billing`."""
