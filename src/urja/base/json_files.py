"""JSON files that outlive a process: their content, or one sentence that names the file."""

from pathlib import Path
from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""Errors of decoding: another structure, bytes that are not UTF-8, endless nesting."""


class DamagedFileError(ValueError):
    """A file cannot be read; the message says which, why and what to do, and quotes only names of fields."""


def read_json[T](path: Path, kind: type[T], advice: str) -> T:
    """Return the content of a file as a type. Raises DamagedFileError; FileNotFoundError and other OSErrors pass."""
    content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise DamagedFileError(f"{path} is damaged ({error}): {advice}") from None
    except UNREADABLE:
        raise DamagedFileError(f"{path} is damaged (not JSON): {advice}") from None
