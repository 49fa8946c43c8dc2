"""E-mail channel: no options of its own, because the relay of `[mail]` also sends sign-in codes."""

from typing import Final

from msgspec import Struct

MEDIUM: Final = "email"
REPORTS: Final = False
"""A relay that takes a mail does not report whether it arrived."""
DELIVERED: Final = (
    "no mail counts as delivered or served; accepted by the relay it is sent, after a day unconfirmed"
)


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options `[messages.channels.NAME.options]`: none."""


SECRETS: Final[tuple[str, ...]] = ()
