"""What the settings say of a Razorpay account, and which secrets it has."""

from typing import Annotated, Final

from msgspec import Meta, Struct

Address = Annotated[str, Meta(pattern="^https?://", description="an address, http:// or https://")]


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[payments.gateways.NAME.options]`."""

    base_url: Address = "https://api.razorpay.com"
    """Where its API answers us."""
    public_url: Address | None = None
    """Where its pay page answers people; `base_url` unless given."""
    key_id: Annotated[str, Meta(max_length=200)]
    """As it was issued."""


SECRETS: Final = ("key_secret", "webhook_secret")
"""With the first orders are placed and returns from the page are signed, with the second webhooks are."""
