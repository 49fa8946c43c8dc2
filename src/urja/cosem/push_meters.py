"""The meters whose pushes can be opened: ciphers, layouts and replay windows in arrays, by system title."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from urja.cosem.errors import LocalError
from urja.cosem.layout import Bytes, Ints, LayoutSet, Rows
from urja.cosem.replay_window import ReplayWindow, ReplayWindows
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, KEY_LENGTH, SuiteKeys
from urja.cosem.title_index import TitleIndex

CONTROL_BYTE: Final = AUTHENTICATED_ENCRYPTED.to_byte()
"""Security control of a push with a tag."""
_FIRST_ROOM: Final = 64
"""Rows of the arrays at first; they double when full."""
_HEADER: Final = np.dtype(f"V{1 + KEY_LENGTH}")
"""The bytes that GCM authenticates besides the text: security control and authentication key."""
type _Encrypt = Callable[[bytes, bytes, bytes | None], bytes]


class PushMeters:
    """The meters whose pushes can be opened, by system title.

    A meter under one key is a row: its ciphers, layouts and replay window are in arrays, so that a batch gets
    the data of its meters by indexing. Rows are not used again; a meter with a new key has a new one.
    """

    def __init__(self, entropy: int) -> None:
        """`entropy` is 64 bits that no sender knows (see `TitleIndex`)."""
        self.windows = ReplayWindows()
        self._row_of = TitleIndex(entropy)
        self._layout_sets: list[LayoutSet] = []
        self._numbers: dict[LayoutSet, int] = {}
        self._encrypt = np.empty(_FIRST_ROOM, object)
        self._header = np.zeros(_FIRST_ROOM, _HEADER)
        self._layouts = np.zeros(_FIRST_ROOM, np.intp)
        self._refs = np.zeros(_FIRST_ROOM, np.int64)
        self._unauthenticated: dict[int, ReplayWindow] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, title: object) -> bool:
        return title in self._row_of

    def put(
        self,
        title: bytes,
        keys: SuiteKeys,
        layouts: LayoutSet,
        ref: int,
        window: ReplayWindow | None = None,
        *,
        unauthenticated: bool = False,
    ) -> int:
        """Add a meter under these keys, in place of one with the same title; returns its row.

        Its window begins as what `window` has committed. `ref` is the caller's number of the meter. With
        `unauthenticated` its pushes may be without a tag. Raises LocalError without an authentication key.
        """
        if keys.gak is None:
            raise LocalError("pushes are authenticated and encrypted: give the authentication key too")
        self.discard(title)
        row = self.windows.add(window)
        if row == len(self._refs):
            self._make_room()
        # The cipher with its key schedule is cached per meter: making the schedule costs more than using it.
        self._encrypt[row] = AESGCM(keys.guek).encrypt
        self._header[row] = bytes([CONTROL_BYTE]) + keys.gak
        self._layouts[row] = self._number_of(layouts)
        self._refs[row] = ref
        self._row_of.put(title, row)
        self._allow(row, unauthenticated=unauthenticated)
        return row

    def change(self, title: bytes, layouts: LayoutSet, *, unauthenticated: bool = False) -> None:
        """Give a meter another type under the same keys; its window stays. KeyError for an unknown title."""
        row = self._row_of[title]
        self._layouts[row] = self._number_of(layouts)
        self._allow(row, unauthenticated=unauthenticated)

    def unauthenticated(self, row: int) -> ReplayWindow | None:
        """Return the window of a meter's pushes without a tag; None where it may send none."""
        return self._unauthenticated.get(row)

    def _allow(self, row: int, *, unauthenticated: bool) -> None:
        if unauthenticated:
            self._unauthenticated.setdefault(row, ReplayWindow())
        else:
            self._unauthenticated.pop(row, None)

    def discard(self, title: bytes) -> None:
        """Forget a meter and its keys, if it is known; counters in flight may still be settled."""
        row = self._row_of.pop(title)
        if row is not None:
            self._encrypt[row] = None
            # The authentication key is among these bytes: it is overwritten, as the row is not used again.
            self._header[row] = bytes(_HEADER.itemsize)
            self._unauthenticated.pop(row, None)

    def window(self, title: bytes) -> ReplayWindow:
        """Return a copy of a meter's window as it is now; KeyError for an unknown title."""
        return self.windows.at(self._row_of[title])

    def find(self, titles: Bytes) -> Rows:
        """Return the rows of the meters with these titles (one title a row); -1 for an unknown title."""
        return self._row_of.find(np.ascontiguousarray(titles).view(np.uint64).ravel())

    def ciphers(self, rows: Rows) -> tuple[list[_Encrypt], list[bytes]]:
        """Return the GCM encryption and the additional data of each row."""
        return self._encrypt[rows].tolist(), self._header[rows].tolist()

    def refs(self, rows: Rows) -> Ints:
        """Return the caller's numbers of these meters."""
        return self._refs[rows]

    def by_layouts(self, rows: Rows) -> Iterator[tuple[LayoutSet, Rows | slice]]:
        """Yield each layout set, and the positions in `rows` of the meters that have it."""
        numbers = self._layouts[rows]
        if len(rows) and (numbers == numbers[0]).all():
            yield self._layout_sets[numbers[0]], slice(None)
            return
        for number in np.unique(numbers).tolist():
            yield self._layout_sets[number], np.flatnonzero(numbers == number)

    def _number_of(self, layouts: LayoutSet) -> int:
        if layouts not in self._numbers:
            self._numbers[layouts] = len(self._layout_sets)
            self._layout_sets.append(layouts)
        return self._numbers[layouts]

    def _make_room(self) -> None:
        for name in ("_encrypt", "_header", "_layouts", "_refs"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
