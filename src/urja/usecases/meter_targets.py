"""The meters that a request names: by serial number, by consumer number, or by a node; with a fault for each other
row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import QuerySet

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.meter_jobs.operations import Row
from urja.apps.network.models import Node, ServicePoint
from urja.apps.network.nodes import service_points_under
from urja.base.sentences import Sentence, say


@dataclass(frozen=True, slots=True)
class Target:
    """One row of a request: its meter, or its fault."""

    position: int
    """From 1."""
    named: str
    period: DevicePeriod | None = None
    """The installation of the meter, with `device` and `service_point` loaded."""
    fault: Sentence | None = None

    def row(self) -> Row:
        """Return the row as a job stores it."""
        if self.fault is not None or self.period is None:
            return Row(self.position, self.named, fault=self.fault)
        return Row(self.position, self.named, self.period.device_id, self.period.service_point_id)


def named_meters(names: Sequence[str]) -> list[Target]:
    """Return the meters of a list of serial and consumer numbers, in its order."""
    rows = [Target(position, name.strip()) for position, name in enumerate(names, 1)]
    wanted = {row.named for row in rows}
    known = set(Device.objects.filter(serial__in=wanted).values_list("serial", flat=True))
    service_points = set(
        ServicePoint.objects.filter(consumer_number__in=wanted).values_list("consumer_number", flat=True)
    )
    installed = _installed().filter(device__serial__in=wanted) | _installed().filter(
        service_point__consumer_number__in=wanted
    )
    by_serial, by_number = _indexed(installed)
    found = [_target(row, known, service_points, by_serial, by_number) for row in rows]
    return list(_once(found))


def meters_under(node: Node, at: datetime) -> list[Target]:
    """Return every meter installed under a node at an instant (UTC), by consumer number."""
    found = (
        _installed()
        .filter(service_point_id__in=service_points_under(node, at))
        .order_by("service_point__consumer_number", "role", "id")
    )
    return [Target(position, period.device.serial, period) for position, period in enumerate(found, 1)]


def _installed() -> QuerySet[DevicePeriod]:
    return DevicePeriod.objects.filter(valid_to=None).select_related("device", "service_point")


type _BySerial = dict[str, DevicePeriod]


type _ByNumber = dict[str, list[DevicePeriod]]


def _indexed(installed: Iterable[DevicePeriod]) -> tuple[_BySerial, _ByNumber]:
    by_serial: _BySerial = {}
    by_number: _ByNumber = {}
    for period in sorted(installed, key=lambda period: period.role):
        by_serial[period.device.serial] = period
        by_number.setdefault(period.service_point.consumer_number, []).append(period)
    return by_serial, by_number


def _target(
    row: Target, known: set[str], service_points: set[str], by_serial: _BySerial, by_number: _ByNumber
) -> Target:
    """Find a row's meter. A name that is both a serial and a consumer number must mean one and the same meter."""
    name = row.named
    if name not in known | service_points:
        return replace(row, fault=say("there is no meter and no service point {named}", named=name))
    period, there = by_serial.get(name), by_number.get(name, [])
    if name in known and name in service_points and there != [period]:
        return replace(
            row,
            fault=say(
                "{named} is the serial number of one meter and the consumer number of another: name the meter by the other number",
                named=name,
            ),
        )
    if name in known:
        fault = None if period else say("meter {named} is not installed anywhere", named=name)
        return replace(row, period=period, fault=fault)
    if not there:
        return replace(row, fault=say("no meter is installed at {named}", named=name))
    if len(there) > 1:
        serials = ", ".join(one.device.serial for one in there)
        return replace(
            row,
            fault=say(
                "{count} meters are installed at {named}: name one by its serial ({serials})",
                count=len(there),
                named=name,
                serials=serials,
            ),
        )
    return replace(row, period=there[0])


def _once(rows: Iterable[Target]) -> Iterable[Target]:
    """Yield the rows with each meter once: the fault of a second row names the first."""
    seen: dict[int, int] = {}
    for row in rows:
        if (
            row.period is None
            or (first := seen.setdefault(row.period.device_id, row.position)) == row.position
        ):
            yield row
        else:
            yield replace(
                row,
                period=None,
                fault=say("{named} is the same meter as in row {row}", named=row.named, row=first),
            )
