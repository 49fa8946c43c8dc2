"""JSON files of ours that outlive a process: what is in them, or one sentence that names the file."""

from pathlib import Path
from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: for another shape, for bytes that are no UTF-8, for nesting without end."""


class DamagedFileError(ValueError):
    """A file cannot be read; the message says which, why and what to do, and quotes nothing of it but names of fields."""


def read_json[T](path: Path, kind: type[T], advice: str) -> T:
    """What a file holds. Raises DamagedFileError; FileNotFoundError and other errors of the file system as they are."""
    content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise DamagedFileError(f"{path} is damaged ({error}): {advice}") from None
    except UNREADABLE:
        raise DamagedFileError(f"{path} is damaged (not JSON): {advice}") from None
