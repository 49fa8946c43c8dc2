"""The certificates that calls to other services trust."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """A context that trusts the usual authorities, made once a process: loading them takes most of a short call's CPU."""
    return httpx.create_ssl_context(trust_env=False)
