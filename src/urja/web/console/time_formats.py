"""How instants and periods are written in the console."""

from datetime import datetime

from django.utils.translation import gettext as _

from urja.web.shared import formats
from urja.web.shared.clock import zone


def day_of(at: datetime) -> str:
    """The local day of an instant."""
    return formats.day(at.astimezone(zone()).date())


def moment_of(at: datetime, now: datetime) -> str:
    """An instant as briefly as it can be said."""
    return formats.moment(at.astimezone(zone()), now.date())


def period_in_words(valid_from: datetime, valid_to: datetime | None) -> str:
    """From when to when something holds."""
    if valid_to is None:
        return _("since %(day)s") % {"day": day_of(valid_from)}
    return _("%(first)s to %(last)s") % {"first": day_of(valid_from), "last": day_of(valid_to)}
