"""The readings of a service point on one local day: each interval with its quality, its edit, and the way to edit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from urja.apps.contracts import queries as contracts
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.requests import record_personal_reads
from urja.apps.overviews.queries.registry import ServicePointRow
from urja.apps.readings.kinds import Status
from urja.apps.readings.queries.stored_intervals import Edit, IntervalRow, rows_of_time
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.usecases.kinds.meters import EditInterval
from urja.web.console import wording
from urja.web.console.actor_names import names_of
from urja.web.console.fields import form_values
from urja.web.console.operation_page import operation_named
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats
from urja.web.shared.clock import zone

_FIRST_DAY: Final = date(2000, 1, 1)

_QUALITY: Final[Mapping[int, Promise]] = {
    Status.MEASURED: gettext_lazy("measured"),
    Status.KNOWN_ZERO: gettext_lazy("no power, known from the meter's events"),
    Status.ESTIMATED: gettext_lazy("estimated"),
    Status.EDITED: gettext_lazy("edited"),
    Status.SUSPECT: gettext_lazy("meter clock uncertain"),
}


@dataclass(frozen=True, slots=True)
class IntervalView:
    """One interval as shown."""

    serial: str
    time: str
    value: str
    quality: str
    edit: str
    """Who replaced which value, when and why; empty where it was not edited."""
    href: str
    """Address of the form that edits it; empty where it cannot be, or the caller may not."""
    missing: bool


@dataclass(frozen=True, slots=True)
class ReadingsPage:
    """Intervals of a local day at a service point."""

    number: str
    title: str
    back: str
    day: str
    iso_day: str
    """As a date input wants it."""
    unit: str
    earlier: str
    later: str
    """The next day; empty where that is in the future."""
    rows: list[IntervalView]
    several: bool
    """Whether the rows are of more than one meter."""
    missing: str
    """How many intervals are missing; empty where none is."""


def readings_page(place: ServicePointRow, caller: Caller, day: str, now: datetime) -> ReadingsPage:
    """Return the readings of a local day (today where it cannot be read), and record the read of its consumers."""
    today = local_day(now, zone())
    shown = _day(day, today)
    begins, ends = midnight(shown, zone()), midnight(shown + ONE_DAY, zone())
    _record(place, caller, begins, ends, now)
    rows = rows_of_time(place.id, begins, ends)
    missing = sum(row.value is None for row in rows)
    names = names_of({row.edit.actor for row in rows if row.edit is not None})
    may_edit = operation_named(EditInterval.kind(), caller) is not None
    return ReadingsPage(
        number=place.consumer_number,
        title=wording.service_point_name(place.premise.name, place.consumer_number),
        back=reverse("console:connection", args=[place.consumer_number]),
        day=formats.day(shown),
        iso_day=shown.isoformat(),
        unit=formats.billed_unit(place.commodity),
        earlier=(shown - ONE_DAY).isoformat() if shown > _FIRST_DAY else "",
        later=(shown + ONE_DAY).isoformat() if shown < today else "",
        rows=[_view(row, place.commodity, names, may_edit=may_edit, now=now) for row in rows],
        several=len({row.serial for row in rows}) > 1,
        missing=ngettext("%(count)s interval is missing.", "%(count)s intervals are missing.", missing)
        % {"count": missing}
        if missing
        else "",
    )


def _day(text: str, today: date) -> date:
    try:
        return min(max(date.fromisoformat(text), _FIRST_DAY), today)
    except ValueError:
        return today


def _record(place: ServicePointRow, caller: Caller, begins: datetime, ends: datetime, now: datetime) -> None:
    lived = [
        one.customer_id
        for one in contracts.of_service_point(place.id)
        if one.customer_id is not None and one.valid_from < ends and (one.valid_to or ends) > begins
    ]
    record_personal_reads(caller, lived, "console readings", now)


def _view(
    row: IntervalRow, commodity: str, names: Mapping[str, str], *, may_edit: bool, now: datetime
) -> IntervalView:
    start, end = (at.astimezone(zone()) for at in (row.start_at, row.start_at + row.length))
    return IntervalView(
        serial=row.serial,
        time=f"{formats.clock_time(start)}–{formats.clock_time(end)}",
        value="–" if row.value is None else formats.billed_number(row.value, commodity),
        quality=_quality(row),
        edit="" if row.edit is None else _edit(row.edit, commodity, names, now),
        href=_form(row) if may_edit and row.value is not None else "",
        missing=row.value is None,
    )


def _quality(row: IntervalRow) -> str:
    if row.status is not None:
        return str(_QUALITY[row.status])
    return _("missing: the meter does not have it") if row.denied else _("missing: the meter is asked for it")


def _edit(edit: Edit, commodity: str, names: Mapping[str, str], now: datetime) -> str:
    said = {
        "who": names.get(edit.actor, edit.actor),
        "moment": moment_of(edit.recorded_at, now),
        "reason": edit.reason,
    }
    if edit.before is None:
        return _("%(who)s, %(moment)s: %(reason)s") % said
    return _("was %(before)s; %(who)s, %(moment)s: %(reason)s") % {
        **said,
        "before": formats.billed(edit.before, commodity),
    }


def _form(row: IntervalRow) -> str:
    given = form_values(EditInterval, {"serial": row.serial, "start_at": row.start_at})
    query = urlencode({name: given[name] for name in ("serial", "start_at")})
    return f"{reverse('console:operation', args=[EditInterval.kind()])}?{query}"
