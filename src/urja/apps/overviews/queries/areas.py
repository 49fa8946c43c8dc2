"""Which premises, service points, agreements, people and devices lie in a caller's area, as conditions for queries."""

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
from urja.apps.network.models import Premise, ServicePoint

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


_DEVICES_OF_ACCOUNTS = """
SELECT p.device_id FROM assets.device_period p JOIN contracts.agreement a ON a.service_point_id = p.service_point_id
WHERE a.account_id = ANY(%s)
    AND p.valid_from < coalesce(a.valid_to, 'infinity') AND a.valid_from < coalesce(p.valid_to, 'infinity')
"""


type Few = list[int] | None
"""All service points of a small area, or none where it is not known to be small."""


def premises(area: Area, path: str = "id") -> Q:
    """The premises of an area, with their parts."""
    if area.everywhere:
        return Q()
    return Q(**{f"{path}__in": RawSQL(_PREMISES, [list(area.premises)])})


def service_points(area: Area, at: datetime, path: str = "id", few: Few = None) -> Q:
    """Service points in an area at an instant; those of one's own accounts whenever that was."""
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
    """The service points of an area of staff, where there are few of them.

    A list of many rows is then read by their numbers; of a large area row by row, as each is near to one in it.
    """
    if area.everywhere or not (area.nodes or area.premises):
        return None
    found = _first(area, at, _FEW + 1)
    return found if len(found) <= _FEW else None


def all_service_points(area: Area, at: datetime) -> list[int] | None:
    """All service points of an area of staff; None for everywhere."""
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
"""  # noqa: S608


def _staffed(area: Area, at: datetime, path: str, few: Few = None) -> Q:
    """Service points under nodes and in premises: by their numbers, or each by where it hangs."""
    return Q(**{f"{path}__in": few}) if few is not None else _each(area, at, path, "network_in_area")


def _each(area: Area, at: datetime, path: str, function: str) -> Q:
    """What a function of the database says of each row: up the trees from there."""
    keys = [Value(sorted(ids), ArrayField(BigIntegerField())) for ids in (area.nodes, area.premises)]
    instant = Value(at, DateTimeField())
    return Q(Func(F(path), *keys, instant, function=function, output_field=BooleanField()))


@dataclass(frozen=True, slots=True)
class ResolvedArea:
    """An area of the staff's spelt out at an instant, for questions about a few things of many."""

    everywhere: bool
    at: datetime
    nodes: list[int]
    premises: list[int]

    @classmethod
    def of(cls, area: Area, at: datetime) -> "ResolvedArea":
        with connection.cursor() as cursor:
            cursor.execute(NODES_UNDER, [list(area.nodes), at, at])
            nodes = [id_ for (id_,) in cursor.fetchall()]
            cursor.execute(_PREMISES, [list(area.premises)])
            return cls(area.everywhere, at, nodes, [id_ for (id_,) in cursor.fetchall()])

    def within(self, service_point_ids: Iterable[int]) -> set[int]:
        """Which of these service points are in it."""
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
    """Agreements at the places of an area; of one's own accounts alone, and not those of who lived there before."""
    if area.everywhere:
        return Q()
    found = Q(account_id__in=area.accounts)
    if area.nodes or area.premises:
        found |= _staffed(area, at, "service_point_id", few)
    return found


def people(area: Area, at: datetime, few: Few = None, path: str = "id") -> Q:
    """Who has or had a supply in an area; of one's own accounts only oneself."""
    if area.everywhere:
        return Q()
    found = Q(**{path: area.person_id})
    if few is not None:
        there = Agreement.objects.filter(service_point_id__in=few)
        seen = AccountAccess.objects.filter(account_id__in=there.values("account_id"))
        found |= Q(**{f"{path}__in": there.exclude(customer=None).values("customer_id")})
        found |= Q(**{f"{path}__in": seen.values("person_id")})
    elif area.nodes or area.premises:
        found |= _each(area, at, path, "contracts_person_in_area")
    return found


def devices(area: Area, at: datetime, few: Few = None) -> Q:
    """Devices that hang in an area; of one's own accounts those that have measured for them."""
    if area.everywhere:
        return Q()
    found = Q(pk__in=[])
    if area.nodes or area.premises:
        hanging = DevicePeriod.objects.filter(_staffed(area, at, "service_point_id", few), valid_to=None)
        if few is None:
            found |= Q(Exists(hanging.filter(device_id=OuterRef("id"))))
        else:
            found |= Q(id__in=hanging.values("device_id"))
    if area.accounts:
        found |= Q(id__in=RawSQL(_DEVICES_OF_ACCOUNTS, [list(area.accounts)]))
    return found


def holds_premise(area: Area, premise_id: int, at: datetime) -> bool | None:
    """Whether a premise with all that is in it is in an area; None where nothing is supplied there yet."""
    if area.everywhere or Premise.objects.filter(premises(area), id=premise_id).exists():
        return True
    within = premises(Area(premises=frozenset({premise_id})), "premise_id")
    return lies_in(ServicePoint.objects.filter(within), service_points(area, at))


def holds_person(area: Area, person_id: int, at: datetime) -> bool | None:
    """Whether a person has or had a supply in an area; None where they have none anywhere."""
    with connection.cursor() as cursor:
        among = {"person": person_id, "nodes": list(area.nodes), "premises": list(area.premises), "at": at}
        cursor.execute(_PERSON, among)
        supplied, inside = cursor.fetchone()
    return (area.everywhere or area.person_id == person_id or inside) if supplied else None


_PERSON = """
SELECT EXISTS (SELECT FROM contracts.agreement WHERE customer_id = %(person)s)
        OR EXISTS (SELECT FROM identity.account_access WHERE person_id = %(person)s),
    contracts_person_in_area(%(person)s, %(nodes)s::bigint[], %(premises)s::bigint[], %(at)s)
"""


def holds_account(area: Area, account_id: int, at: datetime) -> bool | None:
    """Whether an account's agreements are all in an area; None where it has none."""
    return lies_in(Agreement.objects.filter(account_id=account_id), agreements(area, at))


def holds(area: Area, service_point_ids: Iterable[int], at: datetime) -> bool | None:
    """Whether service points are all in an area of the staff's; None where there are none."""
    ids = set(service_point_ids)
    return ResolvedArea.of(area, at).within(ids) == ids if ids else None


def lies_in(things: QuerySet[Any], condition: Q) -> bool | None:
    """None where there is no such thing, or none that hangs anywhere."""
    ids = set(things.values_list("pk", flat=True))
    return set(things.filter(condition).values_list("pk", flat=True)) == ids if ids else None
