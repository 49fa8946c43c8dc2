"""What pages, console, API and hooks share: the clock, how things are written, signing in, and the templates around."""
