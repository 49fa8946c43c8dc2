"""What travels on the stream and is stored as messages: names, rights, layouts and schemas, and signed samples."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from urja.base.ids import SHARDS
from urja.headend.disconnection_counts import DisconnectionCounts
from urja.headend.intake import ReplayAnswer
from urja.headend.order_history import OrderHistory
from urja.stream import codec, devices, meter_types, orders, quarantine
from urja.stream.bucket_contents import BucketContents
from urja.stream.definitions import stream_configs
from urja.stream.messages import DeviceEntry, ReadOutcome, ReadRequest, encode
from urja.stream.records import DTYPES, EARLIER
from urja.stream.releases import HeldDisconnections, ReleaseRequests
from urja.stream.server import server_config
from urja.stream.subjects import (
    Kind,
    StreamSizes,
    User,
    commands_subject,
    ingest_durable,
    ingest_filters,
    outcomes_subject,
    progress_subject,
    readings_subject,
    requests_subject,
)

MESSAGES = (
    ReleaseRequests,
    DisconnectionCounts,
    BucketContents,
    DeviceEntry,
    HeldDisconnections,
    ReadOutcome,
    ReadRequest,
    OrderHistory,
    ReplayAnswer,
    devices.SignedDevice,
    meter_types.SignedType,
    meter_types.TypeEntry,
    orders.Order,
    orders.Progress,
    orders.SignedOrder,
)
KEY = bytes(range(32))
NOW = datetime(2026, 3, 20, 8, 12, tzinfo=UTC)


def as_json(value) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"


def test_streams_and_buckets(oracle):
    half = range(SHARDS // 2)
    subjects = [
        *(readings_subject(kind, 3) for kind in Kind),
        *(of(3) for of in (requests_subject, outcomes_subject, commands_subject, progress_subject)),
        ingest_durable(),
        ingest_durable(half),
        *ingest_filters(half),
    ]
    streams = {config.name: config.as_dict() for config in stream_configs(StreamSizes())}
    oracle("stream/streams.json", as_json({"subjects": subjects, "streams": streams}))


def test_rights_of_the_brokers_users(oracle):
    text = server_config(port=1, store_dir=Path("/store"), passwords=dict.fromkeys(User, "password"))
    oracle("stream/broker.conf", text)


def test_batches(oracle):
    layouts = {name: dtype.descr for name, dtype in DTYPES.items()}
    earlier = {str(version): {name: one.descr for name, one in of.items()} for version, of in EARLIER.items()}
    oracle(
        "stream/batches.json",
        as_json({"version": codec.CODEC_VERSION, "layouts": layouts, "earlier": earlier}),
    )


def test_messages(oracle):
    oracle("stream/messages.json", as_json({kind.__name__: msgspec.json.schema(kind) for kind in MESSAGES}))


def test_samples(oracle):
    order = orders.Order(
        command_id=1, device_id=2, system_title=b"URJ\x00\x00\x00\x00\x01", kind="disconnect", arguments={"x": 1},
        sequence=3, issued_at=NOW, expires_at=NOW, correlation=4,
    )  # fmt: skip
    kind = meter_types.TypeEntry(name="urja-d1", versions=[{"type.toml": "x"}])
    frame = quarantine.Quarantined(
        standing="proven", source="10.0.0.0/24", title="55524a0000000001", reason="replay", detail="a detail",
        peer="tcp 10.0.0.7:51234", received_at_ms=1_772_400_000_000, frame=b"\x00", correlation=7,
    )  # fmt: skip
    samples = {
        "signed order": encode(orders.SignedOrder.of(order, KEY)).decode(),
        "signed meter type": encode(meter_types.SignedType.of(kind, KEY)).decode(),
        "quarantined": {"subject": frame.subject, "headers": frame.headers()},
    }
    oracle("stream/samples.json", as_json(samples))
