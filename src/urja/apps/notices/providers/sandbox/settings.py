"""Options and secrets of the sandbox's message service."""

from typing import Annotated, Final

from msgspec import Meta, Struct

MEDIUM: Final = "sms"
REPORTS: Final = True
DELIVERED: Final = "delivered is what a signed receipt or the service's answer says; accepted, it is sent"


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options `[messages.channels.NAME.options]`."""

    base_url: Annotated[str, Meta(pattern="^https?://", description="an address, http(s)://…")] = (
        "http://127.0.0.1:8031"
    )
    key_id: Annotated[str, Meta(max_length=200)] = "urja"
    """Name that belongs to the key."""


SECRETS: Final = ("key_secret", "webhook_secret")
"""The first is for sending messages, the second for verifying receipts."""
