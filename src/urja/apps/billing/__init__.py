"""What agreements come to: energy used, rating, the close of days, fresh balances, arrears, instalments, deposits."""
