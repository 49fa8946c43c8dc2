"""The two instants of a bitemporal page, valid time and knowledge time: form and banner."""

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
    """The typed instants and their errors by field."""

    valid_at: str
    known_at: str
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """HTTP status of the page that shows the form: 422 with errors, else 200."""
        return 422 if self.errors else 200


def form_of(typed: Mapping[str, str], now: datetime) -> tuple[AsOfForm, AsOf | None]:
    """Return the form of two typed local times. A missing `known_at` is now, a missing `valid_at` is `known_at`."""
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
    """Return both instants as one sentence."""
    return _("State on %(valid)s, as known on %(known)s.") % {
        "valid": instant(at.valid_at),
        "known": instant(at.known_at),
    }
