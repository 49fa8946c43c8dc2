"""Instants and periods in words, in the utility's time zone."""

from datetime import datetime

from django.utils.translation import gettext as _

from urja.web.shared import formats
from urja.web.shared.clock import zone


def moment_of(at: datetime, now: datetime) -> str:
    """Return an instant in words, as briefly as possible: `today, 13:42`."""
    return formats.moment(at.astimezone(zone()), now.date())


def period_in_words(valid_from: datetime, valid_to: datetime | None) -> str:
    """Return a validity period in words: `since …` while it is open, else first to last."""
    if valid_to is None:
        return _("since %(day)s") % {"day": formats.day_of(valid_from)}
    return _("%(first)s to %(last)s") % {
        "first": formats.day_of(valid_from),
        "last": formats.day_of(valid_to),
    }
