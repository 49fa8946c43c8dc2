"""The reading side of the registry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from urja.apps.commissioning.queries import told_pushes
from urja.apps.registry import meter_keys
from urja.apps.registry.models import (
    AccountAccess,
    Agreement,
    AgreementTerms,
    Device,
    DevicePeriod,
    InstalmentPlan,
    Projection,
    Stock,
)
from urja.base.ids import bucket_of
from urja.cosem.companion import device_types, load_device_type
from urja.cosem.pushlist import PushList, as_typed
from urja.stream.messages import DeviceEntry, NextKeys


def accesses_of(user_id: int) -> QuerySet[AccountAccess]:
    """The accounts a person may see, with the account, oldest first."""
    return (
        AccountAccess.objects.filter(person__user_id=user_id)
        .select_related("account")
        .order_by("recorded_at", "id")
    )


def access(user_id: int, account_id: int) -> AccountAccess | None:
    """A person's access to one account; none where they have no business there."""
    return accesses_of(user_id).filter(account_id=account_id).first()


def agreement_at(account_id: int, at: datetime) -> Agreement | None:
    """The supply agreement of an account at an instant, or its last one before."""
    return (
        Agreement.objects.filter(account_id=account_id, valid_from__lte=at)
        .select_related("service_point__premise")
        .order_by("-valid_from")
        .first()
    )


def plans_at(account_ids: Iterable[int], at: datetime) -> list[InstalmentPlan]:
    """The plans of instalments that hold for accounts at an instant."""
    held = InstalmentPlan.objects.filter(account_id__in=list(account_ids), valid_from__lte=at)
    return list(held.filter(Q(valid_to=None) | Q(valid_to__gt=at)).order_by("id"))


def with_terms(agreements: Iterable[Agreement]) -> list[Agreement]:
    """The agreements with their terms and where they follow another, each fetched for all at once."""
    found = list(agreements)
    terms: dict[int, list[AgreementTerms]] = {agreement.id: [] for agreement in found}
    for row in AgreementTerms.objects.filter(agreement_id__in=terms).order_by("agreement_id", "valid_from"):
        terms[row.agreement_id].append(row)
    follows = _follows(list(terms))
    for agreement in found:
        agreement.all_terms = tuple(terms[agreement.id])
        agreement.follows_at = follows[agreement.id]
    return found


FOLLOWS = (
    "(SELECT max(before.valid_to) FROM registry_agreement before "
    "WHERE before.service_point_id = {agreement}.service_point_id AND before.valid_to <= {agreement}.valid_from)"
)
"""`Agreement.follows_at`, for a statement that asks for more than this."""


def _follows(agreement_ids: list[int]) -> dict[int, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT a.id, {FOLLOWS.format(agreement='a')} FROM registry_agreement a WHERE a.id = ANY(%s)",  # noqa: S608
            [agreement_ids],
        )
        return dict(cursor.fetchall())


def due_projections(limit: int) -> list[DeviceEntry]:
    """The entries of devices whose key-value entry is behind, as they are now."""
    due = Projection.objects.filter(version__gt=F("projected_version")).order_by("device_id")
    return _entries(dict(due.values_list("device_id", "version")[:limit]))


def example_projected() -> tuple[DeviceEntry, bytes] | None:
    """An entry that is not due, as it would be written now, and the digest of what was written; None without one."""
    row = Projection.objects.filter(version=F("projected_version")).order_by("device_id").first()
    if row is None:
        return None
    [entry] = _entries({row.device_id: row.version})
    return entry, bytes(row.digest)


def _entries(versions: dict[int, int]) -> list[DeviceEntry]:
    mounted = dict(
        DevicePeriod.objects.filter(device_id__in=versions, valid_to=None).values_list(
            "device_id", "service_point_id"
        )
    )
    transformers, areas = transformers_of(mounted.values()), areas_of(mounted.values())
    places = {
        device_id: _Place(place, transformers.get(place), areas.get(place))
        for device_id, place in mounted.items()
    }
    told, new_keys = told_pushes(versions), meter_keys.waiting(versions)
    return [
        _entry(
            device,
            versions[device.id],
            places.get(device.id),
            told.get(device.id, ()),
            new_keys.get(device.id),
        )
        for device in Device.objects.filter(id__in=versions).order_by("id")
    ]


def firmware_of_type(device_type: str) -> dict[str, int]:
    """How many meters of a type there are that were not scrapped, by their firmware (empty where nobody said)."""
    of_type = Device.objects.filter(device_type=device_type).exclude(stock=Stock.SCRAPPED)
    return dict(of_type.values_list("firmware").annotate(Count("id")))


def mark_projected(written: Sequence[tuple[DeviceEntry, bytes]]) -> None:
    """Note which version of each device is in the store, and its digest; a change made meanwhile stays due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_projection p SET projected_version = d.version, digest = d.digest"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS d(device_id, version, digest)"
            " WHERE p.device_id = d.device_id AND p.projected_version < d.version",
            [
                [entry.device_id for entry, _ in written],
                [entry.version for entry, _ in written],
                [digest for _, digest in written],
            ],
        )


@dataclass(frozen=True, slots=True)
class Projected:
    """What was last written to the store for one device."""

    device_id: int
    key: str
    digest: bytes
    """Of the signed entry as it was written."""
    is_due: bool
    """Whether it is to be written anew: then the store may hold the one or the other."""


def projected() -> list[Projected]:
    """What was written to the store, of each device: about 100 bytes each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, encode(d.system_title, 'hex'), p.digest, p.version > p.projected_version "
            "FROM registry_projection p JOIN registry_device d ON d.id = p.device_id"
        )
        return [Projected(device_id, key, bytes(digest), due) for device_id, key, digest, due in cursor]


def transformers_of(service_point_ids: Iterable[int]) -> dict[int, str]:
    """The code of the transformer that feeds each service point; none where it is not known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT service_point_id, transformer FROM registry_fed_by WHERE service_point_id = ANY(%s)",
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())


def areas_of(service_point_ids: Iterable[int]) -> dict[int, str]:
    """Level and code of the node that each service point belongs to in the administration; none where it has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.service_point_id, n.level || ' ' || n.code FROM registry_placement p"
            " JOIN registry_node n ON n.id = p.node_id"
            " WHERE p.tree = 'administration' AND p.valid_to IS NULL AND p.service_point_id = ANY(%s)",
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device is mounted."""

    service_point_id: int
    transformer: str | None
    area: str | None


def _entry(
    device: Device, version: int, place: _Place | None, told: tuple[PushList, ...], new_keys: NextKeys | None
) -> DeviceEntry:
    return DeviceEntry(
        version=version,
        device_id=device.id,
        bucket=bucket_of(device.id if place is None else place.service_point_id),
        system_title=bytes(device.system_title),
        serial=device.serial,
        device_type=device.device_type,
        firmware=device.firmware,
        interval_s=device.interval_s,
        pushes=_own(device.device_type, told),
        wrapped_guek=bytes(device.wrapped_guek),
        wrapped_gak=bytes(device.wrapped_gak),
        wrapped_hls_secret=None if device.wrapped_hls_secret is None else bytes(device.wrapped_hls_secret),
        wrapped_master=None if device.wrapped_master is None else bytes(device.wrapped_master),
        next_keys=new_keys,
        address=device.address,
        transformer=None if place is None else place.transformer,
        area=None if place is None else place.area,
        active=place is not None,
    )


@cache
def _own(device_type: str, told: tuple[PushList, ...]) -> tuple[PushList, ...]:
    """What a meter has told of its pushes, unless its type says the same: then it need not travel with each meter.

    Of a loaded type it travels always: the next version may say something else.
    """
    if not told or device_type not in device_types():
        return told
    return () if as_typed(load_device_type(device_type), told) else told


def is_known(serial: str) -> bool:
    """Whether a meter has ever been taken up."""
    return Device.objects.filter(serial=serial).exists()


def stock_counts() -> dict[str, int]:
    """How many devices are in which state of their life."""
    counted = dict(Device.objects.values_list("stock").annotate(count=Count("id")).order_by())
    return {state.value: counted[state.value] for state in Stock if state.value in counted}


def stock(*, state: str | None = None, held_by: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Devices by serial number, each with where it is."""
    hangs = DevicePeriod.objects.filter(device=OuterRef("pk"), valid_to=None)
    found = Device.objects.order_by("serial").annotate(
        consumer_number=Subquery(hangs.values("service_point__consumer_number")[:1])
    )
    if state is not None:
        found = found.filter(stock=state)
    if held_by is not None:
        found = found.filter(held_by=held_by)
    return list(found.values("serial", "device_type", "stock", "held_by", "consumer_number")[:limit])
