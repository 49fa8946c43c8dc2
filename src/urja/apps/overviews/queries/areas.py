"""Query conditions for the premises, service points, agreements, people and devices in a caller's area."""

# ruff: noqa: S611  (statements are constants of this package; values travel as parameters)

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import (
    BigIntegerField,
    BooleanField,
    DateTimeField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.expressions import RawSQL

from urja.apps.assets.models import DevicePeriod
from urja.apps.contracts.models import Agreement
from urja.apps.identity.models import AccountAccess
from urja.apps.identity.queries.access import Area
from urja.apps.maintenance.queries import consumer_account
from urja.apps.network.models import Premise, ServicePoint
from urja.base.untyped_values import JsonObject

# UNION drops duplicates, so a node below two of the given ones is listed once. A period is half-open: it has ended at
# its `valid_to`.
NODES_UNDER = """
WITH RECURSIVE node AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT p.node_id FROM network.node_period p JOIN node ON node.id = p.parent_id
    WHERE p.valid_from <= %s AND coalesce(p.valid_to, 'infinity') > %s
) SELECT id FROM node
"""


_PREMISES = """
WITH RECURSIVE premise AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT m.id FROM network.premise m JOIN premise ON premise.id = m.parent_id
) SELECT id FROM premise
"""


# Two half-open periods overlap where each begins before the other ends. The ends may be open.
_DEVICES_OF_ACCOUNTS = """
SELECT p.device_id FROM assets.device_period p JOIN contracts.agreement a ON a.service_point_id = p.service_point_id
WHERE a.account_id = ANY(%s)
    AND p.valid_from < coalesce(a.valid_to, 'infinity') AND a.valid_from < coalesce(p.valid_to, 'infinity')
"""


type Few = list[int] | None
"""The service points of an area, or None where they are too many to list (or not known)."""


def premises(area: Area, path: str = "id") -> Q:
    """Return the condition that a premise, or one it is part of, belongs to an area."""
    if area.everywhere:
        return Q()
    return Q(**{f"{path}__in": RawSQL(_PREMISES, [list(area.premises)])})


def service_points(area: Area, at: datetime, path: str = "id", few: Few = None) -> Q:
    """Return the condition that a service point is in an area at an instant (UTC).

    Service points of the caller's own accounts count whenever the account had them. `path` is the lookup from the model
    to the service point's id, `few` a list from `service_points_if_few`.
    """
    if area.everywhere:
        return Q()
    found = Q(pk__in=[])
    if area.nodes or area.premises:
        found |= _staffed(area, at, path, few)
    if area.accounts:
        own = Agreement.objects.filter(account_id__in=area.accounts).values("service_point_id")
        found |= Q(**{f"{path}__in": own})
    return found


_FEW: Final = 5_000


def service_points_if_few(area: Area, at: datetime) -> Few:
    """Return the service points of a staff member's area where there are at most 5,000 of them, else None.

    With such a list PostgreSQL reads rows by an index on their ids. For a larger area it is cheaper to test each row,
    because nearly every row read is in the area.
    """
    if area.everywhere or not (area.nodes or area.premises):
        return None
    found = _first(area, at, _FEW + 1)
    return found if len(found) <= _FEW else None


def all_service_points(area: Area, at: datetime) -> list[int] | None:
    """Return the ids of all service points in a staff member's area, sorted; None where the area is everywhere."""
    if area.everywhere:
        return None
    return sorted(set(_first(area, at, None)))


def _first(area: Area, at: datetime, limit: int | None) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [list(area.nodes), at, at, list(area.premises), at, at, limit])
        return [id_ for (id_,) in cursor.fetchall()]


_FIRST = f"""
WITH under AS ({NODES_UNDER}), within AS ({_PREMISES})
SELECT service_point_id FROM network.placement
WHERE tree = 'administration' AND node_id IN (TABLE under) AND valid_from <= %s AND coalesce(valid_to, 'infinity') > %s
UNION ALL SELECT id FROM network.service_point WHERE premise_id IN (TABLE within)
LIMIT %s
"""  # noqa: S608 - statements of this module


def _staffed(area: Area, at: datetime, path: str, few: Few = None) -> Q:
    """Return the condition for service points under the area's nodes and premises: by a list of ids, or row by row."""
    return Q(**{f"{path}__in": few}) if few is not None else _each(area, at, path, "network_in_area")


def _each(area: Area, at: datetime, path: str, function: str) -> Q:
    """Return a condition that calls a database function for each row; it walks the trees upwards from there."""
    keys = [Value(sorted(ids), ArrayField(BigIntegerField())) for ids in (area.nodes, area.premises)]
    instant = Value(at, DateTimeField())
    return Q(Func(F(path), *keys, instant, function=function, output_field=BooleanField()))


@dataclass(frozen=True, slots=True)
class ResolvedArea:
    """A staff member's area with its nodes and premises listed at one instant.

    For testing a few service points against it.
    """

    everywhere: bool
    at: datetime
    nodes: list[int]
    premises: list[int]

    @classmethod
    def of(cls, area: Area, at: datetime) -> "ResolvedArea":
        """Return an area with all nodes and premises below its own, as they are at `at` (UTC)."""
        with connection.cursor() as cursor:
            cursor.execute(NODES_UNDER, [list(area.nodes), at, at])
            nodes = [id_ for (id_,) in cursor.fetchall()]
            cursor.execute(_PREMISES, [list(area.premises)])
            return cls(area.everywhere, at, nodes, [id_ for (id_,) in cursor.fetchall()])

    def within(self, service_point_ids: Iterable[int]) -> set[int]:
        """Return those of the given service points that are in the area."""
        ids = set(service_point_ids)
        if self.everywhere:
            return ids
        with connection.cursor() as cursor:
            cursor.execute(
                _WITHIN,
                {"ids": list(ids), "at": self.at, "nodes": self.nodes, "premises": self.premises},
            )
            return {id_ for (id_,) in cursor.fetchall()}


_WITHIN = """
SELECT service_point_id FROM network.placement
WHERE service_point_id = ANY(%(ids)s) AND tree = 'administration' AND node_id = ANY(%(nodes)s)
    AND valid_from <= %(at)s AND coalesce(valid_to, 'infinity') > %(at)s
UNION SELECT id FROM network.service_point WHERE id = ANY(%(ids)s) AND premise_id = ANY(%(premises)s)
"""


def agreements(area: Area, at: datetime, few: Few = None) -> Q:
    """Return the condition that an agreement is in an area.

    For staff: any agreement at a service point of the area. For a consumer: only agreements of the consumer's own
    accounts, and not those of earlier consumers of the same premise.
    """
    if area.everywhere:
        return Q()
    found = Q(account_id__in=area.accounts)
    if area.nodes or area.premises:
        found |= _staffed(area, at, "service_point_id", few)
    return found


def people(area: Area, at: datetime, few: Few = None, path: str = "id") -> Q:
    """Return the condition that a person has or had a supply in an area; for a consumer only the consumer."""
    if area.everywhere:
        return Q()
    found = Q(**{path: area.person_id})
    # Ended agreements count too: a person who has moved out still has a balance and a history here.
    if few is not None:
        there = Agreement.objects.filter(service_point_id__in=few)
        seen = AccountAccess.objects.filter(account_id__in=there.values("account_id"))
        found |= Q(**{f"{path}__in": there.exclude(customer=None).values("customer_id")})
        found |= Q(**{f"{path}__in": seen.values("person_id")})
    elif area.nodes or area.premises:
        found |= _each(area, at, path, "contracts_person_in_area")
    return found


def devices(area: Area, at: datetime, few: Few = None) -> Q:
    """Return the condition that a device is installed in an area.

    For a consumer: any device that measured a supply of the consumer's accounts.
    """
    if area.everywhere:
        return Q()
    found = Q(pk__in=[])
    if area.nodes or area.premises:
        installed = DevicePeriod.objects.filter(_staffed(area, at, "service_point_id", few), valid_to=None)
        if few is None:
            found |= Q(Exists(installed.filter(device_id=OuterRef("id"))))
        else:
            found |= Q(id__in=installed.values("device_id"))
    if area.accounts:
        found |= Q(id__in=RawSQL(_DEVICES_OF_ACCOUNTS, [list(area.accounts)]))
    return found


def holds_premise(area: Area, premise_id: int, at: datetime) -> bool | None:
    """Return whether a premise with all its parts is in an area; None where it has no service point yet."""
    if area.everywhere or Premise.objects.filter(premises(area), id=premise_id).exists():
        return True
    within = premises(Area(premises=frozenset({premise_id})), "premise_id")
    return lies_in(ServicePoint.objects.filter(within), service_points(area, at))


def holds_person(area: Area, person_id: int, at: datetime) -> bool | None:
    """Return whether a person has or had a supply in an area; None where the person never had one anywhere."""
    # One statement for both: whether there is any supply decides between False and None.
    with connection.cursor() as cursor:
        among: JsonObject = {
            "person": person_id,
            "nodes": list(area.nodes),
            "premises": list(area.premises),
            "at": at,
        }
        cursor.execute(_PERSON, among)
        supplied, inside = cursor.fetchone()
    return (area.everywhere or area.person_id == person_id or inside) if supplied else None


_PERSON = """
SELECT EXISTS (SELECT FROM contracts.agreement WHERE customer_id = %(person)s)
        OR EXISTS (SELECT FROM identity.account_access WHERE person_id = %(person)s),
    contracts_person_in_area(%(person)s, %(nodes)s::bigint[], %(premises)s::bigint[], %(at)s)
"""


def holds_account(area: Area, account_id: int, at: datetime) -> bool | None:
    """Return whether all agreements of an account's consumer are in an area; None where there are none."""
    found = Agreement.objects.filter(account_id=consumer_account(account_id))
    return lies_in(found, agreements(area, at))


def holds(area: Area, service_point_ids: Iterable[int], at: datetime) -> bool | None:
    """Return whether all given service points are in a staff member's area; None for an empty list."""
    ids = set(service_point_ids)
    return ResolvedArea.of(area, at).within(ids) == ids if ids else None


def lies_in(things: QuerySet[Any], condition: Q) -> bool | None:
    """Return whether all rows fulfil a condition; None where there are no rows."""
    ids = set(things.values_list("pk", flat=True))
    return set(things.filter(condition).values_list("pk", flat=True)) == ids if ids else None
