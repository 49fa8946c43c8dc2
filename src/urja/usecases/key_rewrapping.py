"""The same keys of devices, wrapped with another key-encryption key."""

from collections.abc import Iterator

from urja.apps.assets.models import Device, NewKeys
from urja.apps.assets.projection_versions import mark_due
from urja.apps.journal.operation import Execution, UseCase
from urja.usecases.kinds import meters


class RewrapKeys(meters.RewrapKeys, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from ()

    def carry_out(self, execution: Execution) -> None:  # noqa: ARG002 - the signature is shared
        for device in self.devices:
            if device.own:
                Device.objects.filter(id=device.device_id).update(**device.own)
            if device.new:
                NewKeys.objects.filter(device_id=device.device_id).update(**device.new)
        mark_due(device.device_id for device in self.devices if device.new and not device.own)
