"""The registry: which meter measures which supply, for whom, under which tariff, and since when."""
