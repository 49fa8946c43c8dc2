"""What the daily runs of the laws have found, kept."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.db import connection

from urja.apps.proofs.queries import LawRun


def record(
    day: date, at: datetime, took_ms: int, first: int, reached: int, found: Mapping[str, Sequence[str]]
) -> LawRun:
    """Keep what a run has found: of each law what contradicts it."""
    laws = {law: not contradictions for law, contradictions in found.items()}
    broken = {law: list(contradictions) for law, contradictions in found.items() if contradictions}
    run = LawRun(day, at, took_ms, first, reached if not broken else None, laws, broken)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proofs_laws (day, began_at, took_ms, proven_from, proven_to, laws, contradictions) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [day, at, took_ms, first, run.proven_to, json.dumps(laws), json.dumps(broken)],
        )
    return run
