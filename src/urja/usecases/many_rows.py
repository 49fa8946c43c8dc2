"""Requests that name many supplies or meters, by a list or by a node: the faults of the naming, and of the rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from urja.apps.network.nodes import node_named
from urja.base.sentences import Sentence, say

MAX_LISTED_FAULTS: Final = 100
"""Faults of rows that are listed one by one."""


class Row(Protocol):
    """A row of a request: its place in the list, and why it cannot be carried out."""

    @property
    def position(self) -> int: ...

    @property
    def fault(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class RowRules:
    """The largest number of rows of a request, and the refusals of one that has none or too many."""

    most: int
    either: Sentence
    """The refusal of a request that gives no list and no node, or both."""
    too_many: Callable[[int, int], Sentence]
    """The refusal of one with more rows than `most`; of both numbers."""
    none_fit: Sentence
    """The refusal of one whose rows all have a fault."""
    more: Callable[[int], Sentence]
    """Behind the faults that are listed, where so many are not."""

    def naming_faults(self, listed: Sequence[str], under: str) -> Iterator[Sentence]:
        """Yield why a list, or a node of the network or the administration, does not name the rows."""
        if bool(listed) == bool(under.strip()):
            yield self.either
        elif under.strip() and node_named(under) is None:
            yield say("there is no node {node}: give a level and a code, such as section North-2", node=under)
        elif len(listed) > self.most:
            yield self.too_many(self.most, len(listed))

    def row_faults(self, rows: Sequence[Row], *, good_rows_only: bool) -> Iterator[Sentence]:
        """Yield why rows cannot be carried out; with `good_rows_only` the others of them go ahead."""
        if len(rows) > self.most:
            yield self.too_many(self.most, len(rows))
            return
        bad = [row for row in rows if row.fault is not None]
        if len(bad) == len(rows):
            yield self.none_fit
        elif good_rows_only:
            return
        for row in bad[:MAX_LISTED_FAULTS]:
            yield say("row {row}: {fault}", row=row.position, fault=row.fault)
        if len(bad) > MAX_LISTED_FAULTS:
            yield self.more(len(bad) - MAX_LISTED_FAULTS)
