"""Settings of a Razorpay account, and the names of its secrets."""

from typing import Annotated, Final

from msgspec import Meta, Struct

Address = Annotated[str, Meta(pattern="^https?://", description="an address, http:// or https://")]


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings section `[payments.gateways.NAME.options]`."""

    base_url: Address = "https://api.razorpay.com"
    """Base URL of the API."""
    public_url: Address | None = None
    """Base URL of the payment page for browsers; `base_url` unless given."""
    key_id: Annotated[str, Meta(max_length=200)]
    """The key id as issued by Razorpay."""


SECRETS: Final = ("key_secret", "webhook_secret")
"""The first authenticates API calls and signs returns from the payment page, the second signs webhooks."""


PROVEN: Final = (
    "Urja was run against a stand-in of Razorpay's published interface, never against Razorpay itself"
)


def why_no_money_moves(options: Options) -> str:
    """Return why payments over this account move no money: test keys or a stand-in; empty for a live account."""
    if options.base_url.rstrip("/") != "https://api.razorpay.com":
        return f"{options.base_url} is not Razorpay"
    if options.key_id.startswith("rzp_test_"):
        return f"{options.key_id} is a test key"
    return ""
