"""E-mail has no settings but those of the relay, `[mail]`, by which sign-in codes leave as well."""

from typing import Final

from msgspec import Struct

MEDIUM: Final = "email"
REPORTS: Final = False
"""That a relay has taken a mail says nothing of whether it arrived."""


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[messages.channels.NAME.options]`: none."""


SECRETS: Final[tuple[str, ...]] = ()
