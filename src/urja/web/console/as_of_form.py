"""Both instants of a page of the past: as they are typed, and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from urja.apps.overviews.queries.bitemporal import AsOf, NotKnownYetError
from urja.base.storable import is_in_calendar
from urja.web.console.effect_words import instant
from urja.web.shared.clock import zone

FIELDS: Final = ("valid_at", "known_at")


@dataclass(frozen=True, slots=True)
class AsOfForm:
    """What was typed, and what is wrong with it."""

    valid_at: str
    known_at: str
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Of the answer that shows it."""
        return 422 if self.errors else 200


def form_of(typed: Mapping[str, str], now: datetime) -> tuple[AsOfForm, AsOf | None]:
    """Both instants as they were typed, local times. Without the second one it is now; without the first the second."""
    errors: dict[str, str] = {}
    found: dict[str, datetime | None] = {}
    for name in FIELDS:
        text = typed.get(name, "").strip()
        found[name] = None
        if text:
            try:
                given = datetime.fromisoformat(text)
            except ValueError:
                errors[name] = _("Enter a date and time such as 2026-03-31 14:30.")
            else:
                if is_in_calendar(given):
                    found[name] = given if given.tzinfo else given.replace(tzinfo=zone())
                else:
                    errors[name] = _("Enter a date and time such as 2026-03-31 14:30.")
    try:
        at = AsOf.asked(found["valid_at"], found["known_at"], now)
    except NotKnownYetError:
        errors["known_at"] = _("This time is in the future: enter the current or an earlier time.")
    form = AsOfForm(typed.get("valid_at", ""), typed.get("known_at", ""), errors)
    return form, None if errors else at


def banner_of(at: AsOf) -> str:
    """Both instants in words."""
    return _("State on %(valid)s, as known on %(known)s.") % {
        "valid": instant(at.valid_at),
        "known": instant(at.known_at),
    }
