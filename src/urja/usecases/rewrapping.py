"""Devices' keys under another key-encryption key: the same keys, wrapped anew."""

from collections.abc import Iterator

from urja.apps.assets.models import Device, NewKeys
from urja.apps.assets.projecting import project_anew
from urja.apps.journal.operation import Doing, UseCase
from urja.usecases.kinds import meters


class RewrapKeys(meters.RewrapKeys, UseCase):
    def faults(self, doing: Doing) -> Iterator[str]:  # noqa: ARG002
        yield from ()

    def carry_out(self, doing: Doing) -> None:  # noqa: ARG002
        for device in self.devices:
            if device.own:
                Device.objects.filter(id=device.device_id).update(**device.own)
            if device.new:
                NewKeys.objects.filter(device_id=device.device_id).update(**device.new)
        project_anew(device.device_id for device in self.devices if device.new and not device.own)
