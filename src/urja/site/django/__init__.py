"""Django's settings, addresses and WSGI application."""
