"""The console: what whoever operates the supply looks at first thing."""
