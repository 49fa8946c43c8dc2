"""The demo town: a live page of a demonstration, with buttons that cause faults."""
