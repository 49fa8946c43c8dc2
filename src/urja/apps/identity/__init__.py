"""Who may sign in and what they may do: staff, roles, access to accounts, keys to the API."""
