"""Meters on their way to the head ends, signed by the pipeline.

An entry says whose keys a meter's pushes are opened with, in which layout, and where the meter is. The signed bytes name
the meter and count the entry's versions: the entry of another meter, or an older one of the same, is recognized.
"""

from urja.stream.messages import DeviceEntry
from urja.stream.signing import ForgedError, Signed


class SignedDevice(Signed[DeviceEntry], frozen=True, kw_only=True):
    """A meter as it travels: its entry as JSON, and the signature of exactly these bytes."""

    kind = DeviceEntry
    context = b"urja device 1\0"

    def verified_for(self, key: str, public_key: bytes, *, newest: int = 0) -> DeviceEntry:
        """The entry, if the pipeline has signed it for this key of the bucket; raises ForgedError.

        `newest` is the highest version of the key that is known: an older one is a copy of what was once there.
        """
        entry = self.verified(public_key)
        if entry.key != key:
            raise ForgedError(f"it is of the system title {entry.key}")
        if entry.version < newest:
            raise ForgedError(f"it is version {entry.version}, and {newest} is known")
        return entry
