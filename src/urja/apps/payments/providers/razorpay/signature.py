"""HMAC-SHA256 in hex, as this provider signs: raw webhook bodies, and the fields of a return."""

import hashlib
import hmac


def sign(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def verify(secret: str, message: bytes, signature: str) -> bool:
    """In constant time. An empty secret verifies nothing."""
    return bool(secret) and hmac.compare_digest(sign(secret, message).encode(), signature.encode())
