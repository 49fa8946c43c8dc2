"""A signature stands for one payload, of one kind, by one key."""

import pytest

from urja.stream.meter_types import TypeEntry
from urja.stream.orders import public_key
from urja.stream.signing import ForgedError, signature_of, verified

PRIVATE, OTHER = bytes(range(32)), bytes(range(1, 33))
PAYLOAD = b'{"name":"x","versions":[]}'
SIGNATURE = signature_of(PAYLOAD, b"kind 1\0", PRIVATE)


def look(payload=PAYLOAD, signature=SIGNATURE, context=b"kind 1\0", key=PRIVATE):
    return verified(payload, signature, TypeEntry, context=context, public_key=key and public_key(key))


def test_what_was_signed_is_read():
    assert look() == TypeEntry(name="x", versions=[])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"payload": PAYLOAD.replace(b"x", b"y")}, "not the pipeline's"),
        ({"signature": bytes(64)}, "not the pipeline's"),
        ({"signature": b""}, "not the pipeline's"),
        ({"context": b"kind 2\0"}, "not the pipeline's"),
        ({"key": OTHER}, "not the pipeline's"),
        ({"key": b""}, "no key to verify"),
    ],
)
def test_anything_else_is_forged(changed, says):
    with pytest.raises(ForgedError, match=says):
        look(**changed)


def test_what_is_signed_and_of_another_shape_is_refused_in_words():
    signature = signature_of(b"{}", b"kind 1\0", PRIVATE)
    with pytest.raises(ForgedError, match="signed, and no TypeEntry"):
        look(payload=b"{}", signature=signature)
