"""The stages of a meter in stock: delivered with its keys, tested, issued to a fitter, returned, scrapped.

    delivered ─▶ tested ─▶ issued ─▶ installed ─▶ removed ─▶ tested ...
                    ◀─ returned ─┘                    └─▶ scrapped

A meter is *installed* exactly while it has a current installation; the database keeps stock and installations
consistent (migration `assets.0002_rules`), so that no meter is in two places.
"""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from urja.apps.assets.kinds import Stock
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.meter_types.queries import commodity_of
from urja.base.ids import BUCKETS
from urja.base.sentences import say
from urja.usecases.kinds import stock
from urja.usecases.last_reads import unread_faults

_AT_ONCE = 1_000


class ReceiveDevices(stock.ReceiveDevices, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.devices:
            yield say("a delivery must have at least one meter")
        if not self.store.strip():
            yield say("name the store that receives the meters")
        for name, label in UNIQUE.items():
            yield from self._twice(name, label)
            yield from known_faults(self.devices, name, label)

    def _twice(self, name: str, label: str) -> Iterator[str]:
        seen: dict[object, str] = {}
        for device in self.devices:
            value = getattr(device, name)
            if value is None:
                continue
            if value in seen:
                yield say(
                    "{label} {shown} is in the delivery twice ({seen}, {serial})",
                    label=label,
                    shown=_shown(value),
                    seen=seen[value],
                    serial=device.serial,
                )
            seen.setdefault(value, device.serial)

    def carry_out(self, execution: Execution) -> None:
        for some in _bundles(self.devices):
            make_devices(execution, some, stock=Stock.DELIVERED, held_by=self.store)
        execution.outcome["devices"] = len(self.devices)


UNIQUE: Final = {"serial": "serial number", "system_title": "system title", "sim": "SIM"}
"""Attributes that no two meters share, with their names."""


def known_faults(devices: Sequence[stock.Delivered], name: str, label: str) -> Iterator[str]:
    """Yield meters whose attribute belongs to a known meter already."""
    for some in _bundles([getattr(d, name) for d in devices if getattr(d, name) is not None]):
        for value, serial in (
            Device.objects.filter(**{f"{name}__in": some}).order_by("serial").values_list(name, "serial")
        ):
            yield say(
                "{label} {shown} belongs to meter {serial} already",
                label=label,
                shown=_shown(value),
                serial=serial,
            )


def make_devices(
    execution: Execution,
    devices: Sequence[stock.Delivered],
    *,
    stock: str,
    held_by: str,
    bucket: int | None = None,
) -> list[Device]:
    """Create the meters of a delivery and return them.

    A meter in stock gets a random bucket; its readings are stored in the bucket of its premise. It measures what its
    type says.
    """
    commodities = {one: commodity_of(one) for one in {device.device_type for device in devices}}
    return Device.objects.bulk_create(
        Device(
            id=next_id(secrets.randbelow(BUCKETS) if bucket is None else bucket),
            stock=stock,
            held_by=held_by,
            commodity=commodities[device.device_type],
            **{name: getattr(device, name) for name in device.__struct_fields__},
            **execution.stamp,
        )
        for device in devices
    )


class _OfOne(stock.StockOperation, UseCase):
    _from: ClassVar[frozenset[Stock]]
    """States from which the operation is possible."""
    _done: ClassVar[str]
    """The operation's participle, for a sentence."""

    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        device = Device.objects.select_for_update().filter(serial=self.serial).first()
        if device is None:
            yield say("there is no meter {serial} in stock", serial=self.serial)
        elif device.stock not in self._from:
            yield say(
                "meter {serial} is {stock}{where}: only one that is {choices} can be {done}",
                serial=self.serial,
                stock=device.stock,
                where=_where(device),
                choices=" or ".join(sorted(self._from)),
                done=self._done,
            )

    def _change(self, execution: Execution, **values: object) -> None:
        device = Device.objects.get(serial=self.serial)
        execution.change(device, **values)
        execution.outcome["device_id"] = device.id


class TestDevice(stock.TestDevice, _OfOne):
    _from: ClassVar[frozenset[Stock]] = frozenset({Stock.DELIVERED, Stock.TESTED, Stock.REMOVED})
    _done: ClassVar[str] = "tested"

    def faults(self, execution: Execution) -> Iterator[str]:
        yield from super().faults(execution)
        if self.tested_at > execution.recorded_at:
            yield say("the time of the test is in the future")
        if not self.passed and not self.note.strip():
            yield say("state in the note why the test failed")

    def carry_out(self, execution: Execution) -> None:
        device = Device.objects.get(serial=self.serial)
        failed = Stock.REMOVED if DevicePeriod.objects.filter(device=device).exists() else Stock.DELIVERED
        self._change(execution, stock=Stock.TESTED if self.passed else failed)


class IssueDevice(stock.IssueDevice, _OfOne):
    _from: ClassVar[frozenset[Stock]] = frozenset({Stock.TESTED})
    _done: ClassVar[str] = "issued"

    def faults(self, execution: Execution) -> Iterator[str]:
        yield from super().faults(execution)
        if not self.fitter.strip():
            yield say("name the fitter")

    def carry_out(self, execution: Execution) -> None:
        self._change(execution, stock=Stock.ISSUED, held_by=self.fitter.strip())


class ReturnDevice(stock.ReturnDevice, _OfOne):
    _from: ClassVar[frozenset[Stock]] = frozenset({Stock.ISSUED, Stock.REMOVED})
    _done: ClassVar[str] = "returned"

    def faults(self, execution: Execution) -> Iterator[str]:
        yield from super().faults(execution)
        if not self.store.strip():
            yield say("name the store")

    def carry_out(self, execution: Execution) -> None:
        unused = Device.objects.get(serial=self.serial).stock == Stock.ISSUED
        self._change(execution, stock=Stock.TESTED if unused else Stock.REMOVED, held_by=self.store.strip())


class ScrapDevice(stock.ScrapDevice, _OfOne):
    _from: ClassVar[frozenset[Stock]] = frozenset(
        {Stock.DELIVERED, Stock.TESTED, Stock.ISSUED, Stock.REMOVED}
    )
    _done: ClassVar[str] = "scrapped"

    def faults(self, execution: Execution) -> Iterator[str]:
        yield from super().faults(execution)
        if not self.reason.strip():
            yield say("give a reason for scrapping")
        for device in Device.objects.filter(serial=self.serial):
            yield from unread_faults(device)

    def carry_out(self, execution: Execution) -> None:
        self._change(execution, stock=Stock.SCRAPPED, held_by="", sim=None, address=None)


def _where(device: Device) -> str:
    if device.stock == Stock.INSTALLED:
        period = (
            DevicePeriod.objects.filter(device=device, valid_to=None).select_related("service_point").get()
        )
        return say(" at {service_point}", service_point=period.service_point)
    return f" ({device.held_by})" if device.held_by else ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else bytes(value).hex()


def _bundles[Item](items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
