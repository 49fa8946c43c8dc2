"""The certificates that calls to other services trust."""

import ssl
from functools import cache

import certifi


@cache
def trusted() -> ssl.SSLContext:
    """A context that trusts the usual authorities, made once a process: loading them takes most of a short call's CPU."""
    return ssl.create_default_context(cafile=certifi.where())
