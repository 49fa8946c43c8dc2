"""Operations on meters in stock: receive, test, issue, return, scrap."""

from datetime import datetime
from typing import ClassVar

import msgspec

from urja.apps.journal.operation import Operation


class Delivered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter as the manufacturer delivers it, with its keys wrapped already."""

    serial: str
    system_title: bytes
    device_type: str
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None = None
    wrapped_master: bytes | None = None
    interval_s: int
    max_power_w: int
    load_switch: bool = True
    forward_only: bool = False
    clock_offset_s: int | None = None
    address: str | None = None
    sim: str | None = None
    firmware: str = ""
    nameplate: dict[str, str] = msgspec.field(default_factory=dict)


class ReceiveDevices(Operation, kw_only=True):
    """Receive a delivery of meters into a store, with the keys of the manufacturer's file."""

    delivery: str
    """Number of the delivery note."""
    store: str
    devices: tuple[Delivered, ...]

    def content(self) -> dict[str, object]:
        """Return what the audit stores: the serial numbers, and no key, wrapped or not."""
        return {
            "delivery": self.delivery,
            "store": self.store,
            "serials": [device.serial for device in self.devices],
        }


class StockOperation(Operation, kw_only=True):
    """Fields that all operations on one meter in stock share."""

    serial: str


class TestDevice(StockOperation, kw_only=True):
    """Record the test of a meter. A meter that has failed can only be scrapped, or tested again."""

    __test__: ClassVar[bool] = False
    """Tells pytest that this class is no test."""

    tested_at: datetime
    passed: bool
    note: str = ""
    """Number of the test report, or why the meter has failed."""


class IssueDevice(StockOperation, kw_only=True):
    """Issue a tested meter to a fitter."""

    fitter: str


class ReturnDevice(StockOperation, kw_only=True):
    """Return a meter from a fitter to a store: an unused one, or one that was removed."""

    store: str


class ScrapDevice(StockOperation, kw_only=True):
    """Scrap a meter. Its SIM and its address are free for another one."""

    reason: str
