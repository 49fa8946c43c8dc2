"""Meters that hang nowhere: delivered, tested, issued, returned, scrapped."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from urja.apps.journal.operation import Operation


class Delivered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter as the manufacturer delivers it, its keys wrapped already."""

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
    address: str | None = None
    sim: str | None = None
    firmware: str = ""
    nameplate: dict[str, str] = msgspec.field(default_factory=dict)


class ReceiveDevices(Operation, kw_only=True):
    """A delivery of meters comes into a store, with the keys of the manufacturer's file."""

    delivery: str
    """Number of the delivery note."""
    store: str
    devices: tuple[Delivered, ...]

    def content(self) -> dict[str, Any]:
        """The audit keeps which meters came, and no key, wrapped or not."""
        return {
            "delivery": self.delivery,
            "store": self.store,
            "serials": [device.serial for device in self.devices],
        }


class StockOperation(Operation, kw_only=True):
    """Something that happens to one meter of the stock."""

    serial: str


class TestDevice(StockOperation, kw_only=True):
    """A meter was tested. One that has failed can only be scrapped, or tested again."""

    __test__: ClassVar[bool] = False
    """The name is an operation's, not a test's."""

    tested_at: datetime
    passed: bool
    note: str = ""
    """Of the protocol: its number, or why it has failed."""


class IssueDevice(StockOperation, kw_only=True):
    """A tested meter goes into the hands of a fitter."""

    fitter: str


class ReturnDevice(StockOperation, kw_only=True):
    """A fitter brings a meter back into a store: one that was not used, or one that was taken away somewhere."""

    store: str


class ScrapDevice(StockOperation, kw_only=True):
    """A meter's life ends. Its SIM and its address are free for another."""

    reason: str
