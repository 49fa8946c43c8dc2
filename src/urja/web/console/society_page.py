"""A society's consumption by month: flats, towers and common area against the bulk supply.

Electricity in kWh and gas in m³, each in tables of its own: never added. Totals alone: no load curves, no names, no
telephones.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read, write_scope
from urja.apps.network.kinds import Commodity, PremiseKind, Purpose
from urja.apps.overviews.queries import areas, premises
from urja.apps.overviews.queries.registry import PremiseRow, ServicePointRow
from urja.apps.readings.queries.intervals import month_by_service_point
from urja.core.calendar import ONE_DAY, local_day
from urja.usecases.kinds.societies import SetUpSociety
from urja.web.console import wording
from urja.web.shared import formats
from urja.web.shared.clock import zone

MONTHS: Final = 3
"""Months shown: the chosen one and those before it."""
MOST_SOCIETIES: Final = 200
WHOLE: Final = (PremiseKind.SOCIETY, PremiseKind.COMPLEX)


@dataclass(frozen=True, slots=True)
class SocietyLink:
    name: str
    kind: str
    href: str


@dataclass(frozen=True, slots=True)
class UseRow:
    """A row with its consumption by month, in words."""

    name: str
    number: str
    use: list[str]


@dataclass(frozen=True, slots=True)
class PartView:
    """A tower, or the flats outside the towers."""

    id: int
    title: str
    rows: list[UseRow]
    total: UseRow


@dataclass(frozen=True, slots=True)
class CommodityUse:
    """What a society has of one commodity, by month."""

    title: str
    mark: str
    """Prefix of the names of its tables in the page; empty for electricity."""
    unit: str
    sums: list[UseRow]
    parts: list[PartView]
    estimated: str
    unknown: int


@dataclass(frozen=True, slots=True)
class SocietyPage:
    title: str
    address: str
    month: str
    months: list[str]
    earlier: str
    later: str
    uses: list[CommodityUse]
    """Electricity, and gas where there is any."""


def societies(caller: Caller, now: datetime) -> list[SocietyLink]:
    """Return the societies and complexes whose totals the caller may see."""
    area = caller.must(Read.TOTALS)
    seen = premises.premises_wholly_in(WHOLE, area, now, MOST_SOCIETIES)
    return [
        SocietyLink(one.name, wording.premise(one.kind), reverse("console:society", args=[one.id]))
        for one in seen
    ]


def set_up_address(caller: Caller) -> str:
    """Return the address of the form that sets up a society; empty where the caller may not."""
    if caller.area(write_scope(SetUpSociety.kind())) is None:
        return ""
    return reverse("console:operation", args=[SetUpSociety.kind()])


def society_of(premise_id: int, caller: Caller, now: datetime) -> PremiseRow | None:
    """Return a premise, or None if the caller may not see its totals."""
    area = caller.must(Read.TOTALS)
    found = premises.premise(premise_id)
    return found if found is not None and areas.holds_premise(area, premise_id, now) else None


def month_of(text: str, now: datetime) -> date:
    """Parse a typed month; an invalid or future one gives the current month."""
    this = local_day(now, zone()).replace(day=1)
    try:
        asked = date.fromisoformat(f"{text}-01")
    except ValueError:
        return this
    return asked if this.year - 100 < asked.year and asked <= this else this


def society_page(premise: PremiseRow, month: date, now: datetime) -> SocietyPage:
    months = _months(month)
    points = premises.service_points(premise.id, "premise__name", "consumer_number")
    this = local_day(now, zone()).replace(day=1)
    of: dict[str, list[ServicePointRow]] = {Commodity.ELECTRICITY: []}
    for point in points:
        of.setdefault(point.commodity, []).append(point)
    return SocietyPage(
        title=premise.name,
        address=premise.address,
        month=formats.month(month),
        months=[formats.month(each) for each in months],
        earlier=f"?month={_before(month):%Y-%m}",
        later=f"?month={_after(month):%Y-%m}" if month < this else "",
        uses=[_commodity_use(premise, commodity, supplied, months) for commodity, supplied in of.items()],
    )


def _commodity_use(
    premise: PremiseRow, commodity: str, points: list[ServicePointRow], months: list[date]
) -> CommodityUse:
    ids = [point.id for point in points]
    by_month = [{one.service_point_id: one for one in month_by_service_point(ids, each)} for each in months]
    used = _Used(commodity, {id_: [of[id_].energy_wh for of in by_month] for id_ in ids})
    last = by_month[-1].values()
    estimated = sum(one.estimated_wh for one in last)
    gas = commodity == Commodity.GAS
    return CommodityUse(
        title=_("Gas supplied and used") if gas else _("Energy supplied and used"),
        mark="gas-" if gas else "",
        unit=formats.billed_unit(commodity),
        sums=_sums(points, used),
        parts=_parts(premise, points, used),
        estimated=formats.billed(estimated, commodity) if estimated else "",
        unknown=sum(1 for one in last if one.energy_wh is None),
    )


def _before(month: date) -> date:
    return (month - ONE_DAY).replace(day=1)


def _after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _months(month: date) -> list[date]:
    found = [month]
    while len(found) < MONTHS:
        found.insert(0, _before(found[0]))
    return found


@dataclass(frozen=True, slots=True)
class _Used:
    """The use of service points by month, in Wh of electricity or litres of gas; None for a month without reads."""

    commodity: str
    of: dict[int, list[int | None]]

    def added(self, ids: Iterable[int]) -> list[int | None]:
        """Return the total by month; None for a month without any reads."""
        columns = zip(*(self.of[id_] for id_ in ids), strict=True)
        sums = [[amount for amount in column if amount is not None] for column in columns]
        return [sum(known) if known else None for known in sums] or [None] * MONTHS

    def titled(self, part: str) -> str:
        """Return the title of a part, with the unit where it is not the kWh of the whole page."""
        return (
            part
            if self.commodity == Commodity.ELECTRICITY
            else f"{part}, {formats.billed_unit(self.commodity)}"
        )

    def row(self, name: str, use: list[int | None], number: str = "") -> UseRow:
        """Return a row with its amounts in words."""
        said = ["–" if amount is None else formats.billed_number(amount, self.commodity) for amount in use]
        return UseRow(name, number, said)


def _sums(points: list[ServicePointRow], used: _Used) -> list[UseRow]:
    """Return what was supplied and used, by month."""
    of: dict[str, list[int]] = defaultdict(list)
    for point in points:
        of[point.purpose].append(point.id)
    bulk, dg, consumers, common = (
        used.added(of[purpose])
        for purpose in (Purpose.BULK, Purpose.DG, Purpose.CONSUMER, Purpose.COMMON_AREA)
    )
    named = [
        (_("Bulk supply"), Purpose.BULK, bulk),
        (_("Diesel generator"), Purpose.DG, dg),
        (_("Flats and shops"), Purpose.CONSUMER, consumers),
        (_("Common area"), Purpose.COMMON_AREA, common),
    ]
    gas = used.commodity == Commodity.GAS
    # Few societies have gas for more than their flats.
    rows = [used.row(name, use) for name, purpose, use in named if of[purpose] or not gas]
    if of[Purpose.BULK]:
        rest = [
            None if given is None else given + (own or 0) - (used_ or 0) - (shared or 0)
            for given, own, used_, shared in zip(bulk, dg, consumers, common, strict=True)
        ]
        name = (
            _("Difference: losses or unmetered gas") if gas else _("Difference: losses or unmetered energy")
        )
        rows.append(used.row(name, rest))
    return rows


def _parts(premise: PremiseRow, points: list[ServicePointRow], used: _Used) -> list[PartView]:
    """Return the towers with their flats; flats outside the towers form a part of their own."""
    above = premises.parents(premise.id)
    members: dict[int, list[ServicePointRow]] = defaultdict(list)
    for point in points:
        if point.purpose in {Purpose.CONSUMER, Purpose.COMMON_AREA}:
            members[_part_of(point.premise_id, premise.id, above)].append(point)
    names = premises.names(members)
    return [
        PartView(
            id=part,
            title=used.titled(names[part] if part != premise.id else _("Outside the towers")),
            rows=[
                used.row(
                    point.premise.name
                    if point.purpose == Purpose.CONSUMER
                    else f"{point.premise.name} ({wording.purpose(point.purpose)})",
                    used.of[point.id],
                    point.consumer_number,
                )
                for point in members[part]
            ],
            total=used.row(_("Total"), used.added([point.id for point in members[part]])),
        )
        for part in sorted(members, key=lambda part: (part == premise.id, names[part]))
    ]


def _part_of(premise_id: int, whole_id: int, above: dict[int, int | None]) -> int:
    """Return the tower of a premise, or the whole society for a flat outside the towers."""
    chain = [premise_id]
    while chain[-1] != whole_id and (up := above.get(chain[-1])) is not None:
        chain.append(up)
    return chain[-2] if len(chain) > 2 else whole_id
