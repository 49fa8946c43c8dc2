"""Tokens of the API: their text `urja_PREFIX_SECRET`, of which only the prefix and a hash of the secret are stored."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from urja.apps.identity.models import Token
from urja.apps.identity.queries.staff import area_text

type TokenRow = Token

_SECRET_BYTES = 32
_TEXT = re.compile(r"urja_(?P<prefix>[a-z2-7]{8})_(?P<secret>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token. Its text is shown to its owner once and not stored."""

    prefix: str
    digest: bytes
    text: str = field(repr=False)


def new_token() -> NewToken:
    """Return a new token: 32 random bytes under a random prefix."""
    prefix = base64.b32encode(secrets.token_bytes(5)).decode().lower()
    secret = secrets.token_bytes(_SECRET_BYTES)
    written = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return NewToken(prefix, _digest(secret), f"urja_{prefix}_{written}")


def token_of(text: str) -> Token | None:
    """Return the stored token of a text; None where it is not a token's text or no token matches.

    Whether it has expired or was revoked is not checked here.
    """
    parts = _TEXT.fullmatch(text)
    if parts is None:
        return None
    token = Token.objects.filter(prefix=parts["prefix"]).select_related("user").first()
    secret = base64.urlsafe_b64decode(parts["secret"] + "=")
    # In constant time: the time of an answer must not reveal how much of a guess is right.
    if token is None or not hmac.compare_digest(bytes(token.digest), _digest(secret)):
        return None
    return token


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A stored token: its rights and its owner."""

    prefix: str
    name: str
    user: str | None
    """Address of the person whose own token it is; None for a program's."""
    role: str | None
    area: str | None
    """Where a program's token may act, as commands take it."""
    scopes: list[str]
    per_minute: int
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


def all_tokens() -> list[IssuedToken]:
    """Return every token, the oldest first."""
    return [
        IssuedToken(
            prefix=one.prefix,
            name=one.name,
            user=one.user.email if one.user else None,
            role=one.role,
            area=None if one.user else area_text(one),
            scopes=one.scopes,
            per_minute=one.per_minute,
            expires_at=one.expires_at,
            revoked_at=one.revoked_at,
            last_used_at=one.last_used_at,
        )
        for one in Token.objects.select_related("user", "node", "premise").order_by("id")
    ]


def _digest(secret: bytes) -> bytes:
    # One SHA-256 suffices: all 256 bits of the secret are random, so there is no dictionary that a slow hash would slow down.
    return hashlib.sha256(secret).digest()
