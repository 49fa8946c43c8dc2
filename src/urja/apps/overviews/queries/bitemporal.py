"""The registry as it was valid at one instant, by what was known at another.

What *holds* when is in the rows' periods; what was *known* when is in `recorded_at` and in the history. A question has
both instants: "who had the supply on the first of March, as we knew it on the tenth" is not what is known of that day
by now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.db.models import BinaryField, Model

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.journal.periods import Period
from urja.apps.network.models import Node, Placement, Premise, ServicePoint
from urja.apps.people.models import Person


class NotKnownYetError(ValueError):
    """What will be known at an instant that is still to come was asked for."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """Both instants of a question."""

    valid_at: datetime
    known_at: datetime

    @classmethod
    def asked(cls, valid_at: datetime | None, known_at: datetime | None, now: datetime) -> "AsOf":
        """Without the second instant it is now, without the first the second; raises NotKnownYetError."""
        known_at = known_at or now
        if known_at > now:
            raise NotKnownYetError(f"nobody knows yet what will be known on {known_at.isoformat()}")
        return cls(valid_at or known_at, known_at)

    def holds(self, period: Period) -> bool:
        return period.valid_from <= self.valid_at and (
            period.valid_to is None or period.valid_to > self.valid_at
        )


def rows[M: Model](model: type[M], ids: Iterable[int], known_at: datetime, by: str = "id") -> list[M]:
    """Rows as they were known: by their own keys, or by those of what they are of. They are read and never saved."""
    table = model._meta.db_table  # noqa: SLF001 - Django's own documented interface
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contracts_known(%s, %s, %s, %s)::text",
            [table, by, sorted(set(ids)), known_at.isoformat()],
        )
        found = [msgspec.json.decode(row) for (row,) in cursor.fetchall()]
    return [_row(model, values) for values in found]


def _row[M: Model](model: type[M], values: dict[str, Any]) -> M:
    made = model()
    for field in model._meta.concrete_fields:  # noqa: SLF001
        # Nobody asks for bytes: they are titles and keys.
        if field.column in values and not field.generated and not isinstance(field, BinaryField):
            setattr(made, field.attname, field.to_python(values[field.column]))
    return made


@dataclass(frozen=True, slots=True)
class PlacedServicePoint:
    """A connection with its premise, and where it hangs in both trees."""

    service_point: ServicePoint
    placements: list[Placement]


def placed_service_point(service_point_id: int, at: AsOf) -> PlacedServicePoint | None:
    """A connection; none where nobody knew of it."""
    found = next(iter(service_points([service_point_id], at)), None)
    if found is None:
        return None
    placements = [
        one for one in rows(Placement, [found.id], at.known_at, "service_point_id") if at.holds(one)
    ]
    nodes = {node.id: node for node in rows(Node, {one.node_id for one in placements}, at.known_at)}
    for one in placements:
        one.node = nodes[one.node_id]
    return PlacedServicePoint(found, sorted(placements, key=lambda one: one.tree))


def service_points(ids: Iterable[int], at: AsOf) -> list[ServicePoint]:
    """Connections, each with its premise; those of which somebody knew."""
    found = rows(ServicePoint, ids, at.known_at)
    premises = {one.id: one for one in rows(Premise, {place.premise_id for place in found}, at.known_at)}
    for place in found:
        place.premise = premises[place.premise_id]
    return found


def installations(service_point_ids: Iterable[int], at: AsOf) -> list[DevicePeriod]:
    """What hangs at connections, with each device, in the order of their roles."""
    periods = [
        one for one in rows(DevicePeriod, service_point_ids, at.known_at, "service_point_id") if at.holds(one)
    ]
    devices = {one.id: one for one in rows(Device, {one.device_id for one in periods}, at.known_at)}
    for period in periods:
        period.device = devices[period.device_id]
    return sorted(periods, key=lambda one: one.role)


def device(device_id: int, at: AsOf) -> Device | None:
    """A device; none where nobody knew of it."""
    return next(iter(rows(Device, [device_id], at.known_at)), None)


def installation_of(device_id: int, at: AsOf) -> DevicePeriod | None:
    """Where a device hangs, with the connection."""
    periods = rows(DevicePeriod, [device_id], at.known_at, "device_id")
    for period in periods:
        if at.holds(period):
            period.service_point = rows(ServicePoint, [period.service_point_id], at.known_at)[0]
            return period
    return None


def agreement(agreement_id: int, at: AsOf) -> Agreement | None:
    """An agreement with its terms at that instant; none where nobody knew of it, or where it does not hold then."""
    found = next(iter(rows(Agreement, [agreement_id], at.known_at)), None)
    return with_terms(found, at) if found is not None and at.holds(found) else None


def agreement_at(service_point_id: int, at: AsOf) -> Agreement | None:
    """The agreement that holds at a connection, with its terms at that instant."""
    for found in rows(Agreement, [service_point_id], at.known_at, "service_point_id"):
        if at.holds(found):
            return with_terms(found, at)
    return None


def with_terms(found: Agreement, at: AsOf) -> Agreement:
    terms = rows(AgreementTerms, [found.id], at.known_at, "agreement_id")
    found.all_terms = tuple(one for one in terms if at.holds(one))
    return found


def person(person_id: int, at: AsOf) -> Person | None:
    """Somebody as they were known: what they were called, and how they were reached."""
    return next(iter(rows(Person, [person_id], at.known_at)), None)
