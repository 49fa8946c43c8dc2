"""Loaded meter types on their way to the head ends, signed by the pipeline: a type says how bytes become energy."""

import msgspec

from urja.stream.signing import Signed


class TypeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a loaded meter type that are in force, each as its files by their names.

    The newest first; there are several where they are for different firmware.
    """

    name: str
    versions: list[dict[str, str]]


class SignedType(Signed[TypeEntry], frozen=True, kw_only=True):
    """A type as it travels: its JSON, and the signature of exactly these bytes."""

    kind = TypeEntry
    context = b"urja meter type 1\0"
