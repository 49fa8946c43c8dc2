"""The files of a meter type, read from a folder or from their stored text, and as one text with a hash.

Commands of people and the head end read types: their sizes are bounded here, before anything is parsed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

import msgspec

from urja.cosem.companion.loader import CompanionError

TYPE: Final = "type.toml"
PROFILES: Final = "profiles.toml"
EVENTS: Final = "events.toml"
LISTS: Final = "lists.toml"
FILES: Final = (TYPE, PROFILES, EVENTS, LISTS)

FILE_BYTES: Final = 64 << 10
"""Bytes of the largest file; the largest shipped one has 6 kB."""
TEXT_BYTES: Final = 320 << 10
"""Bytes of all files as one text: a third of the broker's largest message."""


@dataclass(frozen=True, slots=True)
class TypeFiles:
    """The texts of a type's files by name; equal contents have equal `text` and `sha256`."""

    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """All files as one JSON object with sorted keys: the form that is stored and sent."""
        return msgspec.json.encode(dict(self.files), order="sorted").decode()

    @property
    def sha256(self) -> str:
        """The SHA-256 of `text` in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @classmethod
    def from_text(cls, text: str) -> "TypeFiles":
        """Return the files in a stored text; raises CompanionError."""
        if len(text) > TEXT_BYTES:
            raise CompanionError([f"the type has {len(text)} characters: make it at most {TEXT_BYTES} bytes"])
        try:
            files = msgspec.json.decode(text, type=dict[str, str])
        except msgspec.MsgspecError as error:
            raise CompanionError([f"the type's files cannot be read: {error}"]) from None
        return cls.of(files)

    @classmethod
    def of(cls, files: Mapping[str, str]) -> "TypeFiles":
        """Return these files; raises CompanionError for an unknown file and beyond `TEXT_BYTES`."""
        unknown = sorted(set(files) - set(FILES))
        if unknown:
            raise CompanionError([f"{unknown[0]!r} is not a file of a type; {', '.join(FILES)} are"])
        known = cls(MappingProxyType(dict(files)))
        size = len(known.text.encode())
        if size > TEXT_BYTES:
            raise CompanionError([f"the type has {size} bytes: make it at most {TEXT_BYTES}"])
        return known


def read_files(folder: Traversable) -> TypeFiles:
    """Return the files of a type in its folder; raises CompanionError with all problems.

    Documents (`*.md`) may be beside them. A link is refused: a type holds all its content itself.
    """
    if not folder.is_dir():
        raise CompanionError([f"{folder} is no folder: give the folder that has {TYPE}"])
    problems: list[str] = []
    files: dict[str, str] = {}
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise CompanionError(
            [f"{folder} cannot be read ({error.strerror}): give this user rights to it"]
        ) from None
    for entry in entries:
        if entry.name.endswith(".md"):
            continue
        if entry.name not in FILES:
            problems.append(
                f"{entry.name}: is not a file of a type; {', '.join(FILES)} are: remove it, or name it .md"
            )
            continue
        try:
            files[entry.name] = _text(entry)
        except CompanionError as error:
            problems += error.problems
    if not problems and TYPE not in files:
        problems.append(f"{TYPE}: is missing: docs/meter-types.md describes its content")
    if problems:
        raise CompanionError(problems)
    return TypeFiles.of(files)


def _text(entry: Traversable) -> str:
    # Files of an installed package have no links, and their Traversable has no `is_symlink`.
    if getattr(entry, "is_symlink", bool)():
        raise CompanionError([f"{entry.name}: is a link: put the file itself into the folder"])
    if not entry.is_file():
        raise CompanionError([f"{entry.name}: is no file: put a text file there"])
    try:
        with entry.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise CompanionError(
            [f"{entry.name}: cannot be read ({error.strerror}): give this user rights to it"]
        ) from None
    if len(content) > FILE_BYTES:
        raise CompanionError([f"{entry.name}: has more than {FILE_BYTES} bytes: make it smaller"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CompanionError(
            [f"{entry.name}: is not UTF-8 text (byte {error.start}): save it as UTF-8"]
        ) from None
    if "\x00" in text:
        raise CompanionError([f"{entry.name}: has a NUL character: save it as plain text"])
    return text
