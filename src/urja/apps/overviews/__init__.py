"""Read models over several owners: what pages and programs are shown of all that belongs together."""
