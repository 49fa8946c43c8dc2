"""The text of a key to the API: `urja_PREFIX_SECRET`. The prefix finds it; of the secret the hash is kept."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from urja.apps.identity.models import Token

type TokenRow = Token

_SECRET_BYTES = 32
_TEXT = re.compile(r"urja_(?P<prefix>[a-z2-7]{8})_(?P<secret>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, once: whoever made it shows it to its owner and forgets it."""

    prefix: str
    digest: bytes
    text: str = field(repr=False)


def new_key() -> NewKey:
    """32 random bytes under a random prefix."""
    prefix = base64.b32encode(secrets.token_bytes(5)).decode().lower()
    secret = secrets.token_bytes(_SECRET_BYTES)
    written = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return NewKey(prefix, _digest(secret), f"urja_{prefix}_{written}")


def found(text: str) -> Token | None:
    """The token that a key opens; None where it is no key, or nobody's. Whether it still holds is not looked at."""
    parts = _TEXT.fullmatch(text)
    if parts is None:
        return None
    token = Token.objects.filter(prefix=parts["prefix"]).select_related("user").first()
    secret = base64.urlsafe_b64decode(parts["secret"] + "=")
    if token is None or not hmac.compare_digest(bytes(token.digest), _digest(secret)):
        return None
    return token


def _digest(secret: bytes) -> bytes:
    # The secret is random in all its bits: there is nothing to guess that a slow hash would slow down.
    return hashlib.sha256(secret).digest()
