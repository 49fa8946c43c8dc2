"""The use of a month in a premise, by part and service point."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from urja.apps.network.kinds import Commodity
from urja.apps.overviews.queries import areas, premises
from urja.apps.overviews.queries.registry import PremiseRow, ServicePointRow
from urja.apps.readings.queries.intervals import ServicePointMonth, month_by_service_point
from urja.web.api import lists, network_answers
from urja.web.api.billed_amounts import litres, wh
from urja.web.api.lists import Number
from urja.web.api.routes import Ask, Query


class TotalsQuery(Query, frozen=True, kw_only=True):
    premise: Annotated[
        Number, Meta(description="number of a society, complex, tower or flat; its parts are included")
    ]
    month: Annotated[
        str, Meta(pattern=r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])$", description="a local month: 2026-03")
    ]


def totals(ask: Ask) -> network_answers.Totals:
    query: TotalsQuery = ask.query
    premise = _premise(ask, query.premise)
    month = date.fromisoformat(f"{query.month}-01")
    points = premises.service_points(premise.id, "consumer_number")
    used = {
        one.service_point_id: one for one in month_by_service_point([point.id for point in points], month)
    }

    def summed(purpose: str, commodity: str) -> int:
        return sum(
            used[point.id].energy_wh or 0
            for point in points
            if point.purpose == purpose and point.commodity == commodity
        )

    return network_answers.Totals(
        premise_id=premise.id,
        premise=premise.name,
        month=query.month,
        consumers_wh=summed("consumer", Commodity.ELECTRICITY),
        common_area_wh=summed("common_area", Commodity.ELECTRICITY),
        bulk_wh=summed("bulk", Commodity.ELECTRICITY),
        dg_wh=summed("dg", Commodity.ELECTRICITY),
        consumers_l=summed("consumer", Commodity.GAS),
        common_area_l=summed("common_area", Commodity.GAS),
        bulk_l=summed("bulk", Commodity.GAS),
        service_points_without_data=sum(1 for point in points if used[point.id].energy_wh is None),
        parts=_parts(premise, points, used),
        service_points=[_place_of_totals(point, used[point.id]) for point in points],
    )


def _premise(ask: Ask, premise_id: int) -> PremiseRow:
    inside = areas.holds_premise(ask.area, premise_id, ask.now)
    found = premises.premise(premise_id)
    if found is None or not inside:
        if found is not None:
            lists.refused(ask)
        raise ask.missing(f"premise {premise_id}")
    return found


def _parts(
    premise: PremiseRow, points: list[ServicePointRow], used: dict[int, ServicePointMonth]
) -> list[network_answers.PremiseTotals]:
    """The premises right below, each with what is in it: each service point is in one of them or in none."""
    above = premises.parents(premise.id)

    def part_of(premise_id: int) -> int | None:
        at: int | None = premise_id
        while at is not None and at != premise.id and above.get(at) != premise.id:
            at = above.get(at)
        return None if at == premise.id else at

    used_by: dict[int, list[tuple[str, int]]] = {}
    for point in points:
        part = part_of(point.premise_id)
        if part is not None and point.purpose in {"consumer", "common_area"}:
            used_by.setdefault(part, []).append((point.commodity, used[point.id].energy_wh or 0))
    return [
        network_answers.PremiseTotals(
            premise_id=part.id,
            premise=part.name,
            kind=part.kind,
            energy_wh=sum(wh(amount, commodity) or 0 for commodity, amount in used_by.get(part.id, [])),
            volume_l=sum(litres(amount, commodity) or 0 for commodity, amount in used_by.get(part.id, [])),
            service_points=len(used_by.get(part.id, [])),
        )
        for part in premises.parts(premise.id)
    ]


def _place_of_totals(point: ServicePointRow, used: ServicePointMonth) -> network_answers.ServicePointTotals:
    return network_answers.ServicePointTotals(
        service_point_id=point.id,
        consumer_number=point.consumer_number,
        purpose=point.purpose,
        premise_id=point.premise_id,
        premise=point.premise.name,
        part_of=point.premise.parent_id,
        commodity=point.commodity,
        energy_wh=wh(used.energy_wh, point.commodity),
        estimated_wh=wh(used.estimated_wh, point.commodity),
        volume_l=litres(used.energy_wh, point.commodity),
        estimated_l=litres(used.estimated_wh, point.commodity),
    )
