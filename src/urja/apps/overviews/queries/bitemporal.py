"""The registry as it was valid at one instant, according to what was recorded by another.

When a row holds is in its period (`valid_from`, `valid_to`); when it was known is in `recorded_at` and in the journal's
history. A bitemporal question has both instants: "who had this supply on 1 March, as it was known on 10 March" may
differ from what is known of that day now, because corrections reach into the past.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection
from django.db.models import BinaryField, Model

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.journal.periods import Period
from urja.apps.network.models import Node, Placement, Premise, ServicePoint
from urja.apps.people.models import Person


class NotKnownYetError(ValueError):
    """An instant in the future was given for what is known."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """The two instants of a bitemporal question, in UTC."""

    valid_at: datetime
    known_at: datetime

    @classmethod
    def asked(cls, valid_at: datetime | None, known_at: datetime | None, now: datetime) -> "AsOf":
        """Return the instants (UTC) with their defaults: `known_at` is now, `valid_at` is `known_at`.

        Raises NotKnownYetError where `known_at` is after `now`.
        """
        known_at = known_at or now
        if known_at > now:
            raise NotKnownYetError(f"{known_at.isoformat()} is in the future: give an instant up to now")
        return cls(valid_at or known_at, known_at)

    def holds(self, period: Period) -> bool:
        """Return whether a half-open period contains `valid_at`."""
        return period.valid_from <= self.valid_at and (
            period.valid_to is None or period.valid_to > self.valid_at
        )


def rows[M: Model](model: type[M], ids: Iterable[int], known_at: datetime, by: str = "id") -> list[M]:
    """Return a model's rows as known at a UTC instant, selected by the column `by`. They must never be saved.

    `by` is the model's own id, or a foreign key.
    """
    table = model._meta.db_table  # noqa: SLF001 - Django's own documented interface
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contracts_known(%s, %s, %s, %s)::text",
            [table, by, sorted(set(ids)), known_at.isoformat()],
        )
        found = [msgspec.json.decode(row) for (row,) in cursor.fetchall()]
    return [_row(model, values) for values in found]


def _row[M: Model](model: type[M], values: dict[str, object]) -> M:
    made = model()
    for field in model._meta.concrete_fields:  # noqa: SLF001 - Django documents `_meta`
        # The history is JSON, which has no bytes; binary columns (system titles, wrapped keys) are never shown.
        if field.column in values and not field.generated and not isinstance(field, BinaryField):
            setattr(made, field.attname, field.to_python(values[field.column]))
    return made


@dataclass(frozen=True, slots=True)
class PlacedServicePoint:
    """A service point with its premise and its placements in both trees."""

    service_point: ServicePoint
    placements: list[Placement]


def placed_service_point(service_point_id: int, at: AsOf) -> PlacedServicePoint | None:
    """Return a service point; None where it was not recorded yet."""
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
    """Return service points with their premises; those that were not recorded yet are left out."""
    found = rows(ServicePoint, ids, at.known_at)
    premises = {one.id: one for one in rows(Premise, {point.premise_id for point in found}, at.known_at)}
    for point in found:
        point.premise = premises[point.premise_id]
    return found


def installations(service_point_ids: Iterable[int], at: AsOf) -> list[DevicePeriod]:
    """Return the installations at service points, each with its device, in the order of their roles."""
    periods = [
        one for one in rows(DevicePeriod, service_point_ids, at.known_at, "service_point_id") if at.holds(one)
    ]
    devices = {one.id: one for one in rows(Device, {one.device_id for one in periods}, at.known_at)}
    for period in periods:
        period.device = devices[period.device_id]
    return sorted(periods, key=lambda one: one.role)


def device(device_id: int, at: AsOf) -> Device | None:
    """Return a device; None where it was not recorded yet."""
    return next(iter(rows(Device, [device_id], at.known_at)), None)


def installation_of(device_id: int, at: AsOf) -> DevicePeriod | None:
    """Return where a device is installed, with the service point; None where it is not."""
    periods = rows(DevicePeriod, [device_id], at.known_at, "device_id")
    for period in periods:
        if at.holds(period):
            period.service_point = rows(ServicePoint, [period.service_point_id], at.known_at)[0]
            return period
    return None


def agreement(agreement_id: int, at: AsOf) -> Agreement | None:
    """Return an agreement with its terms; None where it was not recorded yet or does not hold at that instant."""
    found = next(iter(rows(Agreement, [agreement_id], at.known_at)), None)
    return with_terms(found, at) if found is not None and at.holds(found) else None


def agreement_at(service_point_id: int, at: AsOf) -> Agreement | None:
    """Return the agreement that holds at a service point, with its terms; None without one."""
    for found in rows(Agreement, [service_point_id], at.known_at, "service_point_id"):
        if at.holds(found):
            return with_terms(found, at)
    return None


def with_terms(found: Agreement, at: AsOf) -> Agreement:
    """Attach the terms that hold at the instant to an agreement and return it."""
    terms = rows(AgreementTerms, [found.id], at.known_at, "agreement_id")
    found.all_terms = tuple(one for one in terms if at.holds(one))
    return found


def person(person_id: int, at: AsOf) -> Person | None:
    """Return a person's name and contact data as they were known; None where the person was not recorded yet."""
    return next(iter(rows(Person, [person_id], at.known_at)), None)
