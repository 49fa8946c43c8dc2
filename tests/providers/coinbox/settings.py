"""Settings of a Coinbox account, and the names of its secrets."""

from typing import Annotated, Final

from msgspec import Meta, Struct


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[payments.gateways.NAME.options]`."""

    base_url: Annotated[str, Meta(pattern="^https?://")]


SECRETS: Final = ("token", "mac_key")
