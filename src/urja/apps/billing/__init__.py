"""Billing: energy of periods, rating, the close of days, fresh balances, dues, instalments and deposits."""
