"""The operation by which new keys, proven by a meter, become its current keys."""

from collections.abc import Iterator

from urja.apps.assets.models import Device, NewKeys
from urja.apps.journal.operation import Execution, UseCase
from urja.base.sentences import say
from urja.usecases.kinds import meters


class TakeNewKeys(meters.TakeNewKeys, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not NewKeys.objects.filter(device_id=self.device_id, number=self.number).exists():
            yield say(
                "device {device} has no pending new keys {number}", device=self.device_id, number=self.number
            )

    def carry_out(self, execution: Execution) -> None:
        device = Device.objects.select_for_update().get(id=self.device_id)
        new_keys = NewKeys.objects.get(device=device)
        names = ("wrapped_guek", "wrapped_gak", "wrapped_hls_secret")
        taken = {name: bytes(value) for name in names if (value := getattr(new_keys, name)) is not None}
        execution.change(device, **taken)
        new_keys.delete()
