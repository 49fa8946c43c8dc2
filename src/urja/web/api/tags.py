"""Versions of answers (RFC 9110, 8.8.3): the tag of an answer is the hash of its bytes."""

from hashlib import sha256

import msgspec
from django.utils.http import parse_etags, quote_etag


def encoded(answer: object) -> bytes:
    return msgspec.json.encode(answer)


def tag_of(answer: object) -> str:
    return quote_etag(sha256(encoded(answer)).hexdigest()[:32])


def matches(header: str, tag: str) -> bool:
    """Whether If-Match or If-None-Match names a tag; `*` names any."""
    named = parse_etags(header)
    return named == ["*"] or tag in named
