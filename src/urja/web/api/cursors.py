"""Where a list goes on: the key of the last row that was given, and of which list.

Rows are ordered by a key that never changes, so that what comes or goes meanwhile neither repeats a row nor skips one.
To a program a cursor is a word without meaning.
"""

import base64
import binascii
from hashlib import sha256

import msgspec

from urja.base.storable import faults_of
from urja.web.api.problems import ProblemError


class _Cursor[K](msgspec.Struct, frozen=True, array_like=True):
    list_: str
    last: K


def _mark(path: str, filters: object) -> str:
    return sha256(repr((path, filters)).encode()).hexdigest()[:12]


def encode(path: str, filters: object, last: int | str) -> str:
    """Return the cursor of a list that goes on after the row with the key `last`."""
    raw = msgspec.json.encode(_Cursor(_mark(path, filters), last))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode[K](path: str, filters: object, text: str, key: type[K]) -> K | None:
    """Return the key, of its type, after which the list goes on; None at its beginning.

    Raises ProblemError for a cursor of another list, and for other text.
    """
    if not text:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found: _Cursor[K] = msgspec.json.decode(raw, type=_Cursor[key])  # type: ignore[valid-type]  # a type at run time
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise _none(text) from None
    if any(faults_of(found)):
        raise _none(text)
    if found.list_ != _mark(path, filters):
        raise ProblemError(
            "bad-request", "the cursor belongs to another list or other filters: start without a cursor"
        )
    return found.last


def _none(text: str) -> ProblemError:
    return ProblemError("bad-request", f"{text!r} is not a cursor: use `next` of the previous page")
