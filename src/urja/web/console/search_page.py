"""Search results, grouped, each with the matched field and its link."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.meter_types.queries import known_types
from urja.apps.network.kinds import Commodity
from urja.apps.overviews.queries import service_points
from urja.apps.overviews.queries.meter_filter import MeterFilter
from urja.apps.overviews.queries.registry import AgreementRow, DeviceRow, PersonRow, ServicePointRow
from urja.apps.overviews.queries.searching import Hit, Matched, installed_meters, narrowed, search
from urja.web.console import wording
from urja.web.shared import formats

LIMIT: Final = 20
"""Results per group; more characters narrow the search."""
MOST_NARROWED: Final = 200
"""Results of each kind that are looked at before a choice narrows them."""


@dataclass(frozen=True, slots=True)
class ServicePointLink:
    """A link to a service point."""

    number: str
    name: str
    href: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One search result."""

    title: str
    detail: str
    matched: str
    href: str = ""
    places: tuple[ServicePointLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    title: str
    found: list[Found]
    more: bool


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A choice by which results are narrowed: its name in the address, its title, and its options."""

    name: str
    title: str
    options: list[tuple[str, str, bool]]
    """Value, text and whether it is chosen."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    asked: str
    nearly: bool
    groups: list[Group]
    narrowings: list[Narrowing]

    @property
    def nothing(self) -> bool:
        narrowed = any(value and chosen for one in self.narrowings for value, _text, chosen in one.options)
        return (bool(self.asked) or narrowed) and not self.groups


def search_page(typed: Mapping[str, str], caller: Caller, now: datetime) -> SearchPage:
    """Return the results of a search, and record the read of the personal data they show."""
    asked = typed.get("q", "").strip()[:100]
    narrowings = _narrowings(typed)
    meters = _meter_filter(narrowings)
    if not asked and not meters:
        return SearchPage("", nearly=False, groups=[], narrowings=narrowings)
    if not asked:
        hits = installed_meters(meters, caller, now, LIMIT)
    elif meters:
        hits = narrowed(search(asked, caller, now, MOST_NARROWED), meters)
    else:
        hits = search(asked, caller, now, LIMIT)
    people = hits.people[:LIMIT]
    # Recorded before the page is rendered: a read that cannot be recorded is not shown.
    record_personal_reads(caller, [hit.found.pk for hit in people], "console search", now)
    groups = [
        _group("connections", _("Service points"), [_connection(hit) for hit in hits.connections]),
        _group("people", _("People"), _people(people, caller, now), more=len(hits.people) > LIMIT),
        _group("meters", _("Meters"), _meters(hits.meters)),
    ]
    return SearchPage(asked, hits.nearly, [group for group in groups if group.found], narrowings)


def _narrowings(typed: Mapping[str, str]) -> list[Narrowing]:
    """Return the choices, with what was chosen; anything else is no choice."""
    texts = {
        "commodity": (_("Commodity"), {one.value: wording.choice(one.value) for one in Commodity}),
        "phases": (_("Phases"), {"1": _("one"), "3": _("three")}),
        "type": (_("Type of meter"), {name: name for name in known_types()}),
    }
    found = []
    for name, (title, options) in texts.items():
        chosen = typed.get(name, "")
        found.append(
            Narrowing(
                name,
                title,
                [
                    ("", _("any"), chosen not in options),
                    *((value, text, value == chosen) for value, text in options.items()),
                ],
            )
        )
    return found


def _meter_filter(narrowings: list[Narrowing]) -> MeterFilter:
    chosen = {one.name: value or None for one in narrowings for value, _text, is_it in one.options if is_it}
    phases = chosen["phases"]
    return MeterFilter(chosen["commodity"], None if phases is None else int(phases), chosen["type"])


def _group(name: str, title: str, found: list[Found], *, more: bool = False) -> Group:
    return Group(name, title, found[:LIMIT], more or len(found) >= LIMIT)


def _connection(hit: Hit[ServicePointRow]) -> Found:
    place = hit.found
    purpose = "" if place.purpose == "consumer" else wording.purpose(place.purpose)
    return Found(
        title=wording.service_point_name(place.premise.name, place.consumer_number),
        detail=" · ".join(filter(None, (place.consumer_number, place.premise.address, purpose))),
        matched=matched(hit.by),
        href=address_of(place.consumer_number),
    )


def address_of(consumer_number: str) -> str:
    """Return the address of a service point's page."""
    return reverse("console:connection", args=[consumer_number])


def matched(by: Matched) -> str:
    """Return the matched field in words."""
    return {
        Matched.NUMBER: _("by number"),
        Matched.SERIAL: _("by the serial number"),
        Matched.PHONE: _("by telephone"),
        Matched.NAME: _("by name"),
        Matched.ADDRESS: _("by address"),
        Matched.METER: _("by its meter"),
    }[by]


def _people(hits: Iterable[Hit[PersonRow]], caller: Caller, now: datetime) -> list[Found]:
    people = [hit.found for hit in hits]
    places = _service_points_of(people, caller, now)
    return [
        Found(
            title=hit.found.name,
            detail=hit.found.phone or "",
            matched=matched(hit.by),
            places=tuple(places[hit.found.pk]),
        )
        for hit in hits
    ]


def _service_points_of(
    people: list[PersonRow], caller: Caller, now: datetime
) -> dict[int, list[ServicePointLink]]:
    """Return by person the service points of their agreements, present and past, in the caller's area."""
    area = caller.area(Read.AGREEMENT)
    places: dict[int, list[ServicePointLink]] = defaultdict(list)
    if area is None or not people:
        return places
    ids = [person.pk for person in people]
    for agreement, own in service_points.agreements_of(ids, area, now):
        for person_id in own:
            places[person_id].append(_agreement_period(agreement))
    return places


def _agreement_period(agreement: AgreementRow) -> ServicePointLink:
    place = agreement.service_point
    ended = agreement.valid_to
    remark = _("until %(day)s") % {"day": formats.day_of(ended)} if ended is not None else ""
    called = wording.service_point_name(place.premise.name, place.consumer_number)
    return ServicePointLink(place.consumer_number, called, address_of(place.consumer_number), remark)


def _meters(hits: list[Hit[DeviceRow]]) -> list[Found]:
    installed = service_points.installed_at([hit.found.pk for hit in hits])
    return [_meter(hit, installed.get(hit.found.pk)) for hit in hits]


def _meter(hit: Hit[DeviceRow], place: ServicePointRow | None) -> Found:
    device = hit.found
    return Found(
        title=device.serial,
        detail=" · ".join((device.device_type, wording.stock(device.stock))),
        matched=matched(hit.by),
        places=()
        if place is None
        else (
            ServicePointLink(place.consumer_number, place.premise.name, address_of(place.consumer_number)),
        ),
    )
