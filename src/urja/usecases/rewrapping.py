"""Devices' keys under another key-encryption key: the same keys, wrapped anew."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from urja.apps.assets.models import Device, NewKeys
from urja.apps.assets.projecting import project_anew
from urja.apps.journal.operation import Doing, Operation
from urja.base.sentences import say


class Rewrapped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device: the columns of it, and of keys that it is being given, that are wrapped anew."""

    device_id: int
    own: dict[str, bytes] = {}
    new: dict[str, bytes] = {}


class RewrapKeys(Operation, kw_only=True):
    """Keep keys under the new key-encryption key. Only `urja keys rotate-master` does it."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("the key-encryption key can be changed once more")

    devices: tuple[Rewrapped, ...]

    def content(self) -> dict[str, Any]:
        """The audit keeps how many, and no key, wrapped or not."""
        return {"devices": len(self.devices)}

    def faults(self, doing: Doing) -> Iterator[str]:  # noqa: ARG002
        yield from ()

    def carry_out(self, doing: Doing) -> None:  # noqa: ARG002
        for device in self.devices:
            if device.own:
                Device.objects.filter(id=device.device_id).update(**device.own)
            if device.new:
                NewKeys.objects.filter(device_id=device.device_id).update(**device.new)
        project_anew(device.device_id for device in self.devices if device.new and not device.own)
