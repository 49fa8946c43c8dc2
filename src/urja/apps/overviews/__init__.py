"""Read models that join the tables of several apps, for pages and the API."""
