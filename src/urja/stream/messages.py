"""What travels as one JSON value each: the registry's projection, read requests and their outcomes."""

import math
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from urja.base.ids import BUCKETS, shard_of
from urja.cosem.push_object_list import PushObjectList
from urja.stream.errors import PoisonMessageError

_FIRST_YEAR: Final = 1
_LAST_YEAR: Final = 9999

Profile = Literal["block", "daily", "instantaneous", "power-events", "tamper-events"]
"""Which of a meter's profiles a request asks for; the last two are event logs."""


class NextKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys that a meter is being given, wrapped; until it has proven them it may have these or those before."""

    number: int
    """Of the order that they were made by."""
    firmware: str = ""
    """Chooses among the versions of a loaded type; empty where nobody has said."""
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None = None
    """Of a meter whose utility association is opened by one."""
    seal: bytes
    """Of the head end that made them, for this meter alone."""


class DeviceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a head end must know of a meter while the database is away. Keys are wrapped (RFC 3394)."""

    version: Annotated[int, Meta(ge=0)] = 0
    """Grows with each entry of a meter, so that an older one is recognized."""
    device_id: Annotated[int, Meta(gt=0, le=(1 << 63) - 1)]
    bucket: Annotated[int, Meta(ge=0, lt=BUCKETS)]
    system_title: Annotated[bytes, Meta(min_length=8, max_length=8)]
    serial: str
    device_type: str
    interval_s: Annotated[int, Meta(gt=0)] | None = None
    """Length of its blocks; None, which older entries have: as its type says."""
    pushes: tuple[PushObjectList, ...] = ()
    """What the meter has told of its pushes when it was commissioned, where that is not what its type says."""
    firmware: str = ""
    """Chooses among the versions of a loaded type; empty where nobody has said."""
    wrapped_guek: bytes
    wrapped_gak: bytes
    wrapped_hls_secret: bytes | None = None
    """What opens the utility association of a meter of mechanism 2; None where none is known."""
    wrapped_master: bytes | None = None
    """Wraps new keys on their way to the meter; None where it is not known, and its keys cannot be changed."""
    next_keys: NextKeys | None = None
    address: str | None = None
    """Where a meter is that does not dial (`urja.base.meter_address`): `host:port`, or its place on a line of HDLC."""
    transformer: str | None = None
    """Code of the transformer that feeds it: the head end bounds how many it cuts behind one."""
    area: str | None = None
    """Place in the administration, such as `section S1`: the head end bounds how many it cuts in one."""
    active: bool = True

    @property
    def key(self) -> str:
        """Key in the `devices` bucket."""
        return self.system_title.hex()

    @property
    def shard(self) -> int:
        """The shard of subjects this meter's messages travel on."""
        return shard_of(self.bucket)


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The pipeline asks for rows of a profile with `from_at <= stamp <= to_at` (stamps are the meter's)."""

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
    """What became of a request. `rows` counts records published before this outcome."""

    request_id: int
    device_id: int
    ok: bool
    error: str | None = None
    rows: int = 0
    correlation: int = 0


def encode(message: msgspec.Struct) -> bytes:
    """JSON of a message; bytes are base64, instants ISO 8601. NUL, which no database text can hold, becomes its symbol."""
    return msgspec.json.encode(message).replace(b"\\u0000", b"\\u2400")


def decode[M: msgspec.Struct](payload: bytes, kind: type[M]) -> M:
    """The message in `payload`; raises PoisonMessageError saying which field is wrong.

    Whoever reads it may store what is in it: numbers fit 64 bits, text holds no NUL, instants have a time zone.
    """
    try:
        message = msgspec.json.decode(payload, type=kind)
        _check(message)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise PoisonMessageError(f"not a {kind.__name__}: {error}") from error
    return message


def _check(value: Any) -> None:
    """Raise ValueError for what can be written as JSON and nowhere be stored."""
    match value:
        case bool() | float() | bytes() | None:
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{value} is no number")
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{value} does not fit 64 bits")
        case str():
            if "\0" in value:
                raise ValueError("text with a NUL character")
        case datetime():
            if value.tzinfo is None or not _FIRST_YEAR < value.year < _LAST_YEAR:
                raise ValueError(
                    f"{value} is no instant: it needs a time zone, and a year that all calendars have"
                )
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
            raise ValueError(f"a message holds no {type(value).__name__}")
