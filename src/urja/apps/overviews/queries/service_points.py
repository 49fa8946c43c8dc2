"""A service point with its agreements, people and meters, for the console page of one service point."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db.models import Q

from urja.apps.assets.models import Configuration, Device, DevicePeriod, Seal
from urja.apps.contracts.models import Agreement
from urja.apps.identity.queries.access import Area
from urja.apps.network.models import ServicePoint
from urja.apps.overviews.queries import areas
from urja.apps.people.models import Person

type ConfigurationRow = Configuration


def service_point(consumer_number: str, area: Area, at: datetime) -> ServicePoint | None:
    """Return a service point in an area, with its premise and two levels of parents; None without one."""
    found = ServicePoint.objects.filter(areas.service_points(area, at), consumer_number=consumer_number)
    return found.select_related("premise__parent__parent", "licensee").first()


def exists(consumer_number: str) -> bool:
    """Return whether a service point has this consumer number."""
    return ServicePoint.objects.filter(consumer_number=consumer_number).exists()


def commodity_of(consumer_number: str, serial: str) -> str:
    """Return what a service point supplies, or what a meter in stock measures; empty where neither is known."""
    found = (
        ServicePoint.objects.filter(consumer_number=consumer_number)
        .values_list("commodity", flat=True)
        .first()
    )
    return found or Device.objects.filter(serial=serial).values_list("commodity", flat=True).first() or ""


def consumer_number(service_point_id: int) -> str:
    """Return the consumer number of a service point; empty where the id is unknown."""
    found = ServicePoint.objects.filter(id=service_point_id)
    return found.values_list("consumer_number", flat=True).first() or ""


def agreements_of_account(account_id: int) -> list[Agreement]:
    """Return the agreements of an account with terms and premises, oldest first."""
    found = Agreement.objects.filter(account_id=account_id).order_by("valid_from")
    return list(found.select_related("service_point__premise").prefetch_related("terms"))


def accounts_at(service_point_ids: Collection[int], at: datetime) -> dict[int, int]:
    """Return the account of the agreement in force at an instant (UTC), by service point; those without are missing."""
    found = Agreement.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), service_point_id__in=service_point_ids, valid_from__lte=at
    )
    return dict(found.values_list("service_point_id", "account_id"))


def was_paid_by(service_point_id: int, account_id: int) -> bool:
    """Return whether a service point has, or had, an agreement paid from an account."""
    return Agreement.objects.filter(service_point_id=service_point_id, account_id=account_id).exists()


def people_of(account_ids: Collection[int], customer_ids: Collection[int]) -> list[Person]:
    """Return these consumers and all people with access to these accounts, with their accesses, by id."""
    found = Person.objects.filter(Q(accesses__account_id__in=account_ids) | Q(id__in=customer_ids))
    return list(found.prefetch_related("accesses").distinct().order_by("id"))


def people_with_access(service_point_id: int, at: datetime) -> list[Person]:
    """Return the people with access to the account that pays for a service point at an instant (UTC).

    Without people whose personal data were erased.
    """
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
"""The columns read: the web's database role may not read all columns of a device, such as its wrapped keys."""


def installations(service_point_id: int) -> list[DevicePeriod]:
    """Return the installations at a service point, present and past, newest first."""
    found = DevicePeriod.objects.filter(service_point_id=service_point_id).select_related("device")
    return list(found.only(*_OF_A_PERIOD).order_by("-valid_from", "role"))


def configuration(device_ids: Collection[int]) -> list[Configuration]:
    """Return the settings of meters: what each is ordered to have and what it reported."""
    return list(Configuration.objects.filter(device_id__in=device_ids).order_by("item"))


def seals(device_ids: Collection[int]) -> list[Seal]:
    """Return the seals that are on meters now, oldest first."""
    return list(Seal.objects.filter(device_id__in=device_ids, removed_at=None).order_by("applied_at", "id"))


def agreements_of(people: Collection[int], area: Area, at: datetime) -> list[tuple[Agreement, set[int]]]:
    """Return pairs of an agreement in an area and which of the given people it is or was of; oldest first."""
    found = (
        Agreement.objects.filter(areas.agreements(area, at))
        .filter(Q(customer_id__in=people) | Q(account__accesses__person_id__in=people))
        .select_related("service_point__premise")
        .prefetch_related("account__accesses")
        .distinct()
        .order_by("valid_from", "id")
    )
    return [(one, {person for person in people if person in _people_of(one)}) for one in found]


def _people_of(agreement: Agreement) -> set[int | None]:
    return {agreement.customer_id, *(each.person_id for each in agreement.account.accesses.all())}


def installed_at(device_ids: Collection[int]) -> dict[int, ServicePoint]:
    """Return where devices are installed now, by device id, with the premise. Devices in stock are missing."""
    periods = DevicePeriod.objects.filter(device_id__in=device_ids, valid_to=None)
    return {one.device_id: one.service_point for one in periods.select_related("service_point__premise")}
