"""A connection with its agreements, people and meters, for the page of all that is known of it."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db.models import Q

from urja.apps.assets.models import Configuration, DevicePeriod, Seal
from urja.apps.contracts.models import Agreement
from urja.apps.contracts.queries import with_terms
from urja.apps.identity.queries.access import Area
from urja.apps.network.models import ServicePoint
from urja.apps.overviews.queries import areas
from urja.apps.people.models import Person

type ConfigurationRow = Configuration


def service_point(consumer_number: str, area: Area, at: datetime) -> ServicePoint | None:
    """A connection in an area, with its premise and what that is a part of."""
    found = ServicePoint.objects.filter(areas.service_points(area, at), consumer_number=consumer_number)
    return found.select_related("premise__parent__parent", "licensee").first()


def exists(consumer_number: str) -> bool:
    """Whether there is a connection of this number."""
    return ServicePoint.objects.filter(consumer_number=consumer_number).exists()


def consumer_number(service_point_id: int) -> str:
    """The number of a connection; empty where there is none."""
    found = ServicePoint.objects.filter(id=service_point_id)
    return found.values_list("consumer_number", flat=True).first() or ""


def agreements(service_point_id: int) -> list[Agreement]:
    """The agreements of a connection with their terms and customers, the newest first."""
    found = Agreement.objects.filter(service_point_id=service_point_id).order_by("-valid_from")
    return with_terms(list(found.select_related("customer", "service_point__premise")))


def agreements_of_account(account_id: int) -> list[Agreement]:
    """The agreements of an account with their terms and premises, the oldest first."""
    found = Agreement.objects.filter(account_id=account_id).order_by("valid_from")
    return with_terms(list(found.select_related("service_point__premise")))


def was_paid_by(service_point_id: int, account_id: int) -> bool:
    """Whether a connection is, or was, of an account."""
    return Agreement.objects.filter(service_point_id=service_point_id, account_id=account_id).exists()


def people_of(account_ids: Collection[int], customer_ids: Collection[int]) -> list[Person]:
    """These customers and everybody who may see these accounts, with the accounts that they may see."""
    found = Person.objects.filter(Q(accesses__account_id__in=account_ids) | Q(id__in=customer_ids))
    return list(found.prefetch_related("accesses").distinct().order_by("id"))


def people_with_access(service_point_id: int, at: datetime) -> list[Person]:
    """Everybody who may see the account of a connection at an instant."""
    here = Agreement.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), service_point_id=service_point_id, valid_from__lte=at
    )
    found = Person.objects.filter(accesses__account_id__in=here.values("account_id"), nameless_at=None)
    return list(found.distinct().order_by("id"))


_OF_A_PERIOD: Final = (
    "service_point_id",
    "role",
    "valid_from",
    "valid_to",
    "commissioned_at",
    "taken_over_at",
    "ratio_primary",
    "ratio_secondary",
    *(f"device__{name}" for name in ("serial", "device_type", "firmware", "load_switch")),
)
"""The web may not read all that is known of a device."""


def installations(service_point_id: int) -> list[DevicePeriod]:
    """What hangs or has hung at a connection, the newest first."""
    found = DevicePeriod.objects.filter(service_point_id=service_point_id).select_related("device")
    return list(found.only(*_OF_A_PERIOD).order_by("-valid_from", "role"))


def configuration(device_ids: Collection[int]) -> list[Configuration]:
    """What meters are told to be, and what they say that they are."""
    return list(Configuration.objects.filter(device_id__in=device_ids).order_by("item"))


def seals(device_ids: Collection[int]) -> list[Seal]:
    """The seals that are on meters."""
    return list(Seal.objects.filter(device_id__in=device_ids, removed_at=None).order_by("applied_at", "id"))


def agreements_of(people: Collection[int], area: Area, at: datetime) -> list[tuple[Agreement, set[int]]]:
    """The agreements within an area that are or were of people, the oldest first; each with whose of them it is."""
    found = (
        Agreement.objects.filter(areas.agreements(area, at))
        .filter(Q(customer_id__in=people) | Q(account__accesses__person_id__in=people))
        .select_related("service_point__premise")
        .prefetch_related("account__accesses")
        .distinct()
        .order_by("valid_from", "id")
    )
    return [
        (one, {one.customer_id, *(each.person_id for each in one.account.accesses.all())} & set(people))
        for one in found
    ]


def installed_at(device_ids: Collection[int]) -> dict[int, ServicePoint]:
    """Where devices hang, with the premise."""
    periods = DevicePeriod.objects.filter(device_id__in=device_ids, valid_to=None)
    return {one.device_id: one.service_point for one in periods.select_related("service_point__premise")}
