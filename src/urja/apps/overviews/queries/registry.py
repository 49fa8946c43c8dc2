"""Queries for the API's lists of registry rows in an area, each with everything that its answer shows."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from urja.apps.assets.kinds import Stock
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.identity.models import AccountAccess
from urja.apps.identity.queries.access import Area
from urja.apps.network.models import Placement, Premise, ServicePoint
from urja.apps.overviews.queries import areas
from urja.apps.overviews.queries.meter_filter import ANY_METER, MeterFilter
from urja.apps.overviews.queries.paging import given
from urja.apps.people.models import Consent, Person, Protection
from urja.apps.work.models import WorkOrder

# Aliases, so that the web can name the row types without importing models.
type AccessRow = AccountAccess
type AgreementRow = Agreement
type DeviceRow = Device
type DevicePeriodRow = DevicePeriod
type PersonRow = Person
type PlacementRow = Placement
type PremiseRow = Premise
type ServicePointRow = ServicePoint
type TermsRow = AgreementTerms
type WorkOrderRow = WorkOrder


def people(
    inside: Q,
    *,
    id_: int | None = None,
    email: str | None = None,
    phone: str | None = None,
    service_point_id: int | None = None,
) -> QuerySet[Person]:
    """Return the query for people, with consents, protections and accesses.

    With `service_point_id` those who have or had the supply there.
    """
    rows = Person.objects.filter(inside, given(id=id_, email__iexact=email, phone=phone))
    if service_point_id is not None:
        there = Agreement.objects.filter(service_point_id=service_point_id)
        rows = rows.filter(
            Q(id__in=there.exclude(customer=None).values("customer_id"))
            | Q(accesses__account_id__in=there.values("account_id"))
        ).distinct()
    return rows.prefetch_related(
        Prefetch("consents", Consent.objects.order_by("id")),
        Prefetch("protections", Protection.objects.order_by("id")),
        Prefetch("accesses", AccountAccess.objects.select_related("account").order_by("id")),
    )


def service_points(
    inside: Q,
    *,
    id_: int | None = None,
    consumer_number: str | None = None,
    purpose: str | None = None,
    premise_id: int | None = None,
    meters: MeterFilter = ANY_METER,
) -> QuerySet[ServicePoint]:
    """Return the query for service points, with premise and its current placements (`placements`).

    With `premise_id` those of that premise and its parts.
    """
    rows = ServicePoint.objects.filter(
        inside, given(id=id_, consumer_number=consumer_number, purpose=purpose), meters.service_points()
    )
    if premise_id is not None:
        rows = rows.filter(areas.premises(Area(premises=frozenset({premise_id})), "premise_id"))
    current = Placement.objects.filter(valid_to=None).select_related("node").order_by("tree")
    return rows.select_related("premise").prefetch_related(Prefetch("placements", current))


_OF_A_DEVICE = (
    "id", "serial", "device_type", "commodity", "stock", "held_by", "firmware", "interval_s", "max_power_w", "load_switch",
    "forward_only", "nameplate", "sim", "address",
)  # fmt: skip
"""Without the wrapped keys: the web's database role cannot read them."""


def device(id_: int) -> QuerySet[Device]:
    """Return the query for one device, with its installations (`current_installations`)."""
    return _devices().filter(id=id_)


def installed(
    inside: Q,
    *,
    serial: str | None = None,
    service_point_id: int | None = None,
    meters: MeterFilter = ANY_METER,
) -> QuerySet[Device]:
    """Return the query for installed devices, with their installations (`current_installations`)."""
    now_installed = _current_installations().filter(given(service_point_id=service_point_id))
    return _devices().filter(
        inside, given(serial=serial), meters.devices(), id__in=now_installed.values("device_id")
    )


def in_stock(
    *,
    serial: str | None = None,
    stock: str | None = None,
    held_by: str | None = None,
    meters: MeterFilter = ANY_METER,
) -> QuerySet[Device]:
    """Return the query for devices that are not installed."""
    rows = _devices().exclude(stock=Stock.INSTALLED)
    return rows.filter(given(serial=serial, stock=stock, held_by=held_by), meters.devices())


def _current_installations() -> QuerySet[DevicePeriod]:
    return DevicePeriod.objects.filter(valid_to=None)


def _devices() -> QuerySet[Device]:
    current = _current_installations().select_related("service_point")
    return Device.objects.only(*_OF_A_DEVICE).prefetch_related(
        Prefetch("periods", current, to_attr="current_installations")
    )


def agreements(
    inside: Q,
    *,
    id_: int | None = None,
    service_point_id: int | None = None,
    account_id: int | None = None,
    customer_id: int | None = None,
    at: datetime | None = None,
) -> QuerySet[Agreement]:
    """Return the query for agreements, with their service points; with `at` those in force then (UTC)."""
    rows = Agreement.objects.filter(
        inside,
        given(id=id_, service_point_id=service_point_id, account_id=account_id, customer_id=customer_id),
    )
    if at is not None:
        rows = rows.filter(_lasting(at), valid_from__lte=at)
    return rows.select_related("service_point")


def held(service_point_id: int, account_ids: Collection[int], at: datetime) -> bool:
    """Return whether one of these accounts paid for a service point at an instant (UTC)."""
    rows = Agreement.objects.filter(service_point_id=service_point_id, account_id__in=account_ids)
    return rows.filter(_lasting(at), valid_from__lte=at).exists()


def _lasting(at: datetime) -> Q:
    return Q(valid_to=None) | Q(valid_to__gt=at)


def user_of(account_id: int) -> int | None:
    """Return the user id of the first person with access to an account who can sign in; None without one."""
    known = AccountAccess.objects.filter(account_id=account_id, person__user__isnull=False)
    return known.order_by("recorded_at", "id").values_list("person__user_id", flat=True).first()


def work_orders(
    inside: Q,
    *,
    id_: int | None = None,
    state: str | None = None,
    kind: str | None = None,
    service_point_id: int | None = None,
    assignee_id: int | None = None,
) -> QuerySet[WorkOrder]:
    """Return the query for work orders, with their service points."""
    asked = given(id=id_, state=state, kind=kind, service_point_id=service_point_id, assignee_id=assignee_id)
    return WorkOrder.objects.filter(inside, asked).select_related("service_point")
