"""Messages that are one JSON value each: the registry's projection, read requests and their outcomes."""

import math
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from urja.base.ids import BUCKETS, shard_of
from urja.cosem.push_object_list import PushObjectList
from urja.stream.errors import PoisonMessageError

_FIRST_YEAR: Final = 1
_LAST_YEAR: Final = 9999

Profile = Literal["block", "daily", "billing", "instantaneous", "power-events", "tamper-events"]
"""The profile of a meter that a request is for; the last two are event logs."""


class NextKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys that a meter is being given, wrapped (RFC 3394).

    Until the meter has proven them it may have these or the earlier ones.
    """

    number: int
    """Number of the order by which they were made."""
    firmware: str = ""
    """Selects among the versions of a loaded type; empty where it is unknown."""
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None = None
    """For a meter whose utility association is opened by a secret; else None."""
    seal: bytes
    """Seal of the head end that made them, for this meter alone."""


class DeviceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a meter that a head end needs while the database is away; keys are wrapped (RFC 3394)."""

    version: Annotated[int, Meta(ge=0)] = 0
    """Grows with each entry of a meter, so that an older one is recognised."""
    device_id: Annotated[int, Meta(gt=0, le=(1 << 63) - 1)]
    bucket: Annotated[int, Meta(ge=0, lt=BUCKETS)]
    system_title: Annotated[bytes, Meta(min_length=8, max_length=8)]
    serial: str
    device_type: str
    interval_s: Annotated[int, Meta(gt=0)] | None = None
    """Length of its blocks in seconds; None (in older entries): as its type says."""
    pushes: tuple[PushObjectList, ...] = ()
    """The push object lists that were read at commissioning, where they differ from its type."""
    firmware: str = ""
    """Selects among the versions of a loaded type; empty where it is unknown."""
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None = None
    """Opens the utility association of a meter of HLS mechanism 2; None where none is known."""
    wrapped_master: bytes | None = None
    """Wraps new keys on their way to the meter; None where unknown: its keys cannot be changed then."""
    next_keys: NextKeys | None = None
    address: str | None = None
    """Address of a meter that does not dial in (`urja.base.meter_address`): `host:port`, or on an HDLC bus.
    """
    transformer: str | None = None
    """Code of the transformer that feeds it: the head end limits disconnections behind one."""
    area: str | None = None
    """Administrative area, such as `section S1`: the head end limits disconnections in one."""
    active: bool = True

    @property
    def key(self) -> str:
        """The key in the `devices` bucket: the system title in hex."""
        return self.system_title.hex()

    @property
    def shard(self) -> int:
        """The shard of subjects that this meter's messages use."""
        return shard_of(self.bucket)


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request of the pipeline for rows of a profile with `from_at <= stamp <= to_at` (the meter's stamps)."""

    request_id: int
    device_id: int
    system_title: bytes
    profile: Profile
    from_at: datetime
    to_at: datetime
    not_after_at: datetime
    """Business time after which the answer is of no use and the head end gives up."""
    correlation: int


class ReadOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a request; `rows` counts the records published before it."""

    request_id: int
    device_id: int
    ok: bool
    error: str | None = None
    rows: int = 0
    correlation: int = 0


def encode(message: msgspec.Struct) -> bytes:
    """Return the JSON of a message; bytes are base64, instants ISO 8601.

    NUL, which PostgreSQL's text cannot hold, becomes its symbol U+2400.
    """
    return msgspec.json.encode(message).replace(b"\\u0000", b"\\u2400")


def decode[M: msgspec.Struct](payload: bytes, kind: type[M]) -> M:
    """Return the message in `payload`; raises PoisonMessageError that names the wrong field.

    Its reader may store what is in it: numbers fit 64 bits, text has no NUL, instants have a time zone.
    """
    try:
        message = msgspec.json.decode(payload, type=kind)
        _check(message)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise PoisonMessageError(f"not a {kind.__name__}: {error}") from error
    return message


def _check(value: object) -> None:
    """Raise ValueError for a value that JSON can express and the database cannot store."""
    match value:
        case bool() | float() | bytes() | None:
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{value} is not a finite number")
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{value} does not fit 64 bits")
        case str():
            if "\0" in value:
                raise ValueError("a text has a NUL character")
        case datetime():
            if value.tzinfo is None or not _FIRST_YEAR < value.year < _LAST_YEAR:
                raise ValueError(f"{value} is no instant: a time zone is needed, and a year from 2 to 9998")
        case dict():
            for key, one in value.items():
                _check(key)
                _check(one)
        case list() | tuple():
            for one in value:
                _check(one)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                _check(getattr(value, name))
        case _:
            raise ValueError(f"a message cannot hold a {type(value).__name__}")
