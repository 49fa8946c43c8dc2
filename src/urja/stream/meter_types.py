"""Loaded meter types for the head ends, signed by the pipeline: a type says how bytes become energy."""

import msgspec

from urja.stream.signing import Signed


class TypeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a loaded meter type that are in force, each as its files by name.

    The newest is first; there are several where they are for different firmware.
    """

    name: str
    written_us: int = 0
    """Business time in microseconds: a head end accepts no entry older than the one it has."""
    versions: list[dict[str, str]]


class SignedType(Signed[TypeEntry], frozen=True, kw_only=True):
    """A type's entry as it is sent: JSON, and the signature of exactly these bytes."""

    kind = TypeEntry
    context = b"urja meter type 1\0"
