"""What the daily runs of the laws have found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from urja.apps.books.chain import parse_json


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the laws."""

    day: date
    began_at: datetime
    took_ms: int
    proven_from: int
    """The head whose entries were not gone through again; 0: all were."""
    proven_to: int | None
    """The head up to which everything is proven by it; none where a law is broken."""
    laws: dict[str, bool]
    contradictions: dict[str, list[str]]

    @property
    def holds(self) -> bool:
        return all(self.laws.values())

    @property
    def broken(self) -> list[str]:
        return sorted(law for law, holds in self.laws.items() if not holds)

    @property
    def sentence(self) -> str:
        """For `urja status` and the log."""
        if self.holds:
            return f"{self.day}: all {len(self.laws)} laws hold"
        return f"{self.day}: BROKEN {', '.join(self.broken)} of {len(self.laws)} laws: run urja verify"


def latest() -> Run | None:
    """The last run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, began_at, took_ms, proven_from, proven_to, laws, contradictions FROM proofs_laws "
            "ORDER BY id DESC LIMIT 1"
        )
        row = cursor.fetchone()
    return _run(row) if row else None


def _run(row: Sequence[Any]) -> Run:
    *rest, laws, contradictions = row
    return Run(*rest, parse_json(laws), parse_json(contradictions))


def proven_to() -> int:
    """The last head up to which a run has proven everything; 0 where none has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(proven_to), 0) FROM proofs_laws")
        return int(cursor.fetchone()[0])


def sealed_to() -> int:
    """The last head; 0 where no day was sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(number), 0) FROM proofs_head")
        return int(cursor.fetchone()[0])


def record(
    day: date, at: datetime, took_ms: int, first: int, reached: int, found: Mapping[str, Sequence[str]]
) -> Run:
    """Keep what a run has found: of each law what contradicts it."""
    laws = {law: not contradictions for law, contradictions in found.items()}
    broken = {law: list(contradictions) for law, contradictions in found.items() if contradictions}
    run = Run(day, at, took_ms, first, reached if not broken else None, laws, broken)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proofs_laws (day, began_at, took_ms, proven_from, proven_to, laws, contradictions) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [day, at, took_ms, first, run.proven_to, json.dumps(laws), json.dumps(broken)],
        )
    return run
