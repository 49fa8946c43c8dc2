"""Batches are refused where their bytes are not what their headers promise."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.quantities.strategies import channel_sets
from tests.records import as_fields

from urja.quantities.channel_sets import D1_BLOCK, D2_BLOCK
from urja.stream.codec import decode_batch, dtype_of, encode_batch
from urja.stream.errors import PoisonMessageError
from urja.stream.messages import DeviceEntry, decode
from urja.stream.quarantine import Quarantined
from urja.stream.records import BLOCK, DTYPES, EARLIER, EVENT, NULL, REGISTER, UNSAID
from urja.stream.server import server_config
from urja.stream.subjects import Kind, User, checked_splits

INSTANTS = {"start_at": 1, "read_at": 1, "occurred_at": 1, "received_at": 1000}


def any_records(dtype: np.dtype, count: int, seed: int) -> np.ndarray:
    """Records of any numbers; instants are in the years 1 to 9999."""
    rng = np.random.default_rng(seed)
    records = np.frombuffer(rng.bytes(dtype.itemsize * count), dtype).copy()
    for name, per_second in INSTANTS.items():
        if name in dtype.names:
            records[name] = rng.integers(-62_000_000_000, 253_000_000_000, count) * per_second
    return records


@pytest.mark.parametrize("instant", [-(2**63), 2**63 - 1, -62_135_596_801, 253_402_300_800, NULL])
@pytest.mark.parametrize(
    ("kind", "dtype"), [(Kind.BLOCK, BLOCK), (Kind.REGISTER, REGISTER), (Kind.EVENT, EVENT)]
)
def test_an_instant_that_no_calendar_has_is_poison(kind, dtype, instant):
    for name in INSTANTS.keys() & set(dtype.names):
        records = any_records(dtype, 3, seed=4)
        records[name][1] = instant if name != "received_at" else np.clip(instant, -(2**53), 2**53) * 1000
        with pytest.raises(PoisonMessageError, match=f"{name} of .* is no instant"):
            decode_batch(*encode_batch(kind, records, 1))


@pytest.mark.parametrize("correlation", [-1, 2**63])
def test_a_correlation_that_is_none_is_poison(correlation):
    headers, payload = encode_batch(Kind.BLOCK, np.zeros(1, BLOCK), 1)
    with pytest.raises(PoisonMessageError, match="correlation"):
        decode_batch(headers | {"Urja-Correlation": str(correlation)}, payload)


@pytest.mark.parametrize(
    ("kind", "dtype"), [(Kind.BLOCK, BLOCK), (Kind.REGISTER, REGISTER), (Kind.EVENT, EVENT)]
)
def test_a_batch_comes_back(kind, dtype):
    records = any_records(dtype, 7, seed=1)
    batch = decode_batch(*encode_batch(kind, records, 2**62))
    assert (batch.kind, batch.correlation) == (kind, 2**62)
    assert np.array_equal(batch.records, records)


@pytest.mark.parametrize(
    "change",
    [
        {"Urja-Codec": "0"},
        {"Urja-Codec": "4"},
        {"Urja-Kind": "gas"},
        {"Urja-Count": "2"},
        {"Urja-Count": "-1"},
        {"Urja-Correlation": "x"},
    ],
)
def test_a_header_that_lies_is_poison(change):
    headers, payload = encode_batch(Kind.BLOCK, np.zeros(1, BLOCK), 1)
    with pytest.raises(PoisonMessageError):
        decode_batch(headers | change, payload)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", [Kind.BLOCK, Kind.REGISTER])
def test_a_batch_that_waited_over_an_upgrade_is_read(kind, version):
    """Until version 2 each quantity was a field, and version 1 had no count of tampers in registers."""
    old = any_records(EARLIER[version][kind], 3, seed=2)
    headers = {
        "Urja-Codec": str(version),
        "Urja-Kind": kind.value,
        "Urja-Count": "3",
        "Urja-Correlation": "5",
    }
    batch = decode_batch(headers, old.tobytes())
    assert (batch.records.dtype, batch.channel_set()) == (DTYPES[kind], UNSAID[kind])
    assert not batch.records.flags.writeable
    found = as_fields(batch.records)
    for name in found.dtype.names:
        if name in old.dtype.names:
            assert np.array_equal(found[name], old[name])
        else:
            assert (name, found[name].tolist()) == ("tamper_count", [NULL] * 3)
    with pytest.raises(PoisonMessageError, match=r"3 .* records take"):
        decode_batch(headers, old.tobytes() + b"x")


@given(channel_sets(), st.integers(0, 20), st.sampled_from([Kind.BLOCK, Kind.REGISTER]))
def test_a_batch_of_any_channel_set_comes_back(channels, count, kind):
    records = any_records(dtype_of(kind, channels), count, seed=3)
    batch = decode_batch(*encode_batch(kind, records, 1, channels))
    assert batch.channel_set() == channels
    assert batch.records.tobytes() == records.tobytes()


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "names no channel set"),
        ("d1-block", "names no channel set"),
        (f"d1-block {D1_BLOCK.hash} 1000,x", "names no channel set"),
        (f"d1-block {D1_BLOCK.hash} 1000,77", "names no channel set"),
        (f"d1-block {D1_BLOCK.hash} 1040,1000", "names no channel set"),
        (f"d1-block {D1_BLOCK.hash} 1000,{'9' * 5000}", "names no channel set"),
        (f"d1-block {D1_BLOCK.hash} 1000,1020", "has the hash"),
        (f"d1-block 0 {','.join(map(str, D1_BLOCK.ids))}", "has the hash"),
    ],
)
def test_a_channel_set_that_is_none_is_poison(header, said):
    headers, payload = encode_batch(Kind.BLOCK, np.zeros(1, BLOCK), 1)
    with pytest.raises(PoisonMessageError, match=said):
        decode_batch(headers | {"Urja-Channels": header}, payload)


def test_another_set_of_other_width_is_poison():
    headers, payload = encode_batch(Kind.BLOCK, np.zeros(1, BLOCK), 1)
    wide = encode_batch(Kind.BLOCK, np.zeros(1, dtype_of(Kind.BLOCK, D2_BLOCK)), 1, D2_BLOCK)[0]
    with pytest.raises(PoisonMessageError, match="1 block records take"):
        decode_batch(headers | {"Urja-Channels": wide["Urja-Channels"]}, payload)


def test_a_version_of_tomorrow_is_named():
    headers, payload = encode_batch(Kind.BLOCK, np.zeros(1, BLOCK), 1)
    with pytest.raises(PoisonMessageError, match="codec version 4; this reader knows 1, 2, 3"):
        decode_batch(headers | {"Urja-Codec": "4"}, payload)


def test_no_headers_are_poison():
    with pytest.raises(PoisonMessageError):
        decode_batch(None, b"")


def test_another_dtype_is_our_mistake():
    with pytest.raises(ValueError, match="block batch"):
        encode_batch(Kind.BLOCK, np.zeros(1, EVENT), 1)


def test_an_unreadable_message_names_its_field():
    with pytest.raises(PoisonMessageError, match="device_id"):
        decode(b'{"device_id": "x"}', DeviceEntry)


def test_splits_cover_each_shard_once():
    assert checked_splits([range(8, 16), range(8)]) == [range(8), range(8, 16)]
    with pytest.raises(ValueError, match="once each"):
        checked_splits([range(9), range(8, 16)])


def test_a_source_is_one_token():
    item = Quarantined(
        standing="unknown", source="a b", reason="garbage", detail="", peer="", received_at_ms=0, frame=b""
    )
    with pytest.raises(ValueError, match="token"):
        item.subject  # noqa: B018 - the property raises


@pytest.mark.parametrize("number", ["", "²", "-1", "9" * 5000, "9" * 19])
def test_headers_of_a_kept_frame_that_say_no_number_say_nothing(number):
    headers = {"Urja-Received-At": number, "Urja-Correlation": number, "Urja-Reason": number}
    item = Quarantined.from_stored("urja.quarantine.unknown.10-0-0-0/24", headers, b"x")
    assert (item.received_at_ms, item.correlation, item.reason) == (0, 0, "garbage")
    assert item.source == "10.0.0.0/24"


def test_a_configuration_needs_every_password(tmp_path):
    with pytest.raises(ValueError, match="pipeline"):
        server_config(port=1, store_dir=tmp_path, passwords={User.ADMIN: "a", User.HEADEND: "b"})
