"""What Urja tells people: today the messages kept in place of sending them, in a demonstration."""
