"""The text of a key to the API: `urja_PREFIX_SECRET`. The prefix finds it; of the secret the hash is kept."""

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
    """A key, once: whoever made it shows it to its owner and forgets it."""

    prefix: str
    digest: bytes
    text: str = field(repr=False)


def new_token() -> NewToken:
    """32 random bytes under a random prefix."""
    prefix = base64.b32encode(secrets.token_bytes(5)).decode().lower()
    secret = secrets.token_bytes(_SECRET_BYTES)
    written = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return NewToken(prefix, _digest(secret), f"urja_{prefix}_{written}")


def token_of(text: str) -> Token | None:
    """The token that a key opens; None where it is no key, or nobody's. Whether it still holds is not looked at."""
    parts = _TEXT.fullmatch(text)
    if parts is None:
        return None
    token = Token.objects.filter(prefix=parts["prefix"]).select_related("user").first()
    secret = base64.urlsafe_b64decode(parts["secret"] + "=")
    if token is None or not hmac.compare_digest(bytes(token.digest), _digest(secret)):
        return None
    return token


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A key as it is kept: what it may, and whose it is."""

    prefix: str
    name: str
    user: str | None
    """The address of a person whose own it is; none of a program's."""
    role: str | None
    area: str | None
    """Where a program's may, as commands take it."""
    scopes: list[str]
    per_minute: int
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


def all_tokens() -> list[IssuedToken]:
    """Every key, the oldest first."""
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
    # The secret is random in all its bits: there is nothing to guess that a slow hash would slow down.
    return hashlib.sha256(secret).digest()
