"""Settings of a Coinbox account, and the names of its secrets."""

from typing import Annotated, Final

from msgspec import Meta, Struct


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[payments.gateways.NAME.options]`."""

    base_url: Annotated[str, Meta(pattern="^https?://")]


PROVEN: Final = "run against the Coinbox service of the tests"
SECRETS: Final = ("token", "mac_key")


def why_no_money_moves(options: Options) -> str:
    return f"{options.base_url} is on this machine" if "//127.0.0.1" in options.base_url else ""
