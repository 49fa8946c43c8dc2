"""Loaded meter types on their way to the head ends, signed by the pipeline: a type says how bytes become energy."""

import msgspec

from urja.stream.signing import Signed


class TypeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a loaded meter type that are in force, each as its files by their names.

    The newest first; there are several where they are for different firmware.
    """

    name: str
    written_us: int = 0
    """Business time in microseconds: a head end takes no entry from before the one that it has."""
    versions: list[dict[str, str]]


class SignedType(Signed[TypeEntry], frozen=True, kw_only=True):
    """A type as it travels: its JSON, and the signature of exactly these bytes."""

    kind = TypeEntry
    context = b"urja meter type 1\0"
