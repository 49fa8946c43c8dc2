"""Meters of the registry for the head ends, signed by the pipeline.

An entry holds the keys that a meter's pushes are opened with, their layout, and the meter's address. The
signed bytes name the meter and count the entry's versions, so that another meter's entry, or an older one of
the same, is recognised.
"""

from urja.stream.messages import DeviceEntry
from urja.stream.signing import ForgedError, Signed


class SignedDevice(Signed[DeviceEntry], frozen=True, kw_only=True):
    """A meter's entry as it is sent: JSON, and the signature of exactly these bytes."""

    kind = DeviceEntry
    context = b"urja device 1\0"

    def verified_for(self, key: str, public_key: bytes, *, newest: int = 0) -> DeviceEntry:
        """Return the entry, if the pipeline has signed it for this key of the bucket; raises ForgedError.

        `newest` is the highest known version of the key: an older one is a copy of an earlier entry.
        """
        entry = self.verified(public_key)
        if entry.key != key:
            raise ForgedError(f"the entry is for system title {entry.key}")
        # The same version again is accepted: parts of the projection that differ are written again as a whole.
        if entry.version < newest:
            raise ForgedError(f"the entry is version {entry.version}, and {newest} is known")
        return entry
