"""Versions of answers (RFC 9110, 8.8.3): the tag of an answer is the hash of its bytes."""

from hashlib import sha256

import msgspec
from django.utils.http import parse_etags, quote_etag


def encoded(answer: object) -> bytes:
    return msgspec.json.encode(answer)


def tag_of(answer: object) -> str:
    return quote_etag(sha256(encoded(answer)).hexdigest()[:32])


def has_strong(header: str, tag: str) -> bool:
    """Return whether If-Match names a tag, by the strong comparison (RFC 9110, 13.1.1); `*` names any."""
    named = parse_etags(header)
    return named == ["*"] or tag in named


def has_weak(header: str, tag: str) -> bool:
    """Return whether If-None-Match names a tag, by the weak comparison (RFC 9110, 13.1.2); `*` names any.

    A proxy that compresses an answer makes its tag weak.
    """
    named = [one.removeprefix("W/") for one in parse_etags(header)]
    return named == ["*"] or tag in named
