"""A signature is for one payload, of one kind, by one key.

That of a meter's entry is for one meter and version.
"""

import msgspec
import pytest

from urja.stream import messages
from urja.stream.devices import SignedDevice
from urja.stream.messages import DeviceEntry
from urja.stream.meter_types import SignedType, TypeEntry
from urja.stream.signing import ForgedError, public_key

PRIVATE, OTHER = bytes(range(32)), bytes(range(1, 33))
TYPE = TypeEntry(name="x", versions=[])
SIGNED = SignedType.of(TYPE, PRIVATE)


def test_what_was_signed_is_read():
    assert SIGNED.verified(public_key(PRIVATE)) == TYPE


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"payload": SIGNED.payload.replace(b"x", b"y")}, "not the pipeline's"),
        ({"signature": bytes(64)}, "not the pipeline's"),
        ({"signature": b""}, "not the pipeline's"),
        ({"signature": SignedType.of(TYPE, OTHER).signature}, "not the pipeline's"),
    ],
)
def test_anything_else_is_forged(changed, says):
    with pytest.raises(ForgedError, match=says):
        msgspec.structs.replace(SIGNED, **changed).verified(public_key(PRIVATE))


def test_without_a_key_nothing_is_authentic():
    with pytest.raises(ForgedError, match="no key to verify"):
        SIGNED.verified(b"")


def test_what_is_signed_of_another_kind_is_forged():
    with pytest.raises(ForgedError, match="not the pipeline's"):
        SignedDevice(payload=SIGNED.payload, signature=SIGNED.signature).verified(public_key(PRIVATE))


def test_what_is_signed_and_of_another_shape_is_refused_in_words():
    signed = SignedType.of(messages.ReadOutcome(request_id=1, device_id=1, ok=True), PRIVATE)
    with pytest.raises(ForgedError, match="signed, and no TypeEntry"):
        signed.verified(public_key(PRIVATE))


DEVICE = DeviceEntry(
    version=7,
    device_id=1,
    bucket=2,
    system_title=b"URJ\0\0\0\0\1",
    serial="S1",
    device_type="urja-d1",
    wrapped_guek=bytes(24),
    wrapped_gak=bytes(24),
)


def look(key=DEVICE.key, **changed):
    return SignedDevice.of(DEVICE, PRIVATE).verified_for(key, public_key(PRIVATE), **changed)


def test_an_entry_is_of_its_key_and_not_older_than_what_is_known():
    assert look() == look(newest=7) == DEVICE
    with pytest.raises(ForgedError, match="system title 55524a0000000001"):
        look("55524a0000000002")
    with pytest.raises(ForgedError, match="version 7, and 8 is known"):
        look(newest=8)


def test_the_same_entry_gives_the_same_bytes():
    """So that the pipeline knows what the store holds without reading it."""
    assert SignedDevice.of(DEVICE, PRIVATE) == SignedDevice.of(DEVICE, PRIVATE)
