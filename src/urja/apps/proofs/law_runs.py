"""Stored results of the daily runs of the laws."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.db import connection

from urja.apps.proofs.queries import LawRun


def record(
    day: date, at: datetime, took_ms: int, first: int, reached: int, found: Mapping[str, Sequence[str]]
) -> LawRun:
    """Store the result of a run and return it.

    `took_ms` is its duration in wall ms, `first` the head whose entries were not checked again (0: all were), `reached`
    the last head it covers, `found` the contradictions by law.
    """
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
