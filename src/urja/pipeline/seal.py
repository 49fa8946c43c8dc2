"""The pipeline's stage `seal`: at the close of each local day, the day's entries, reads, statements of account and banked units go into the
signed log.

A day is sealed some minutes after its end: its entries are those posted by then with a time before midnight, its
reads those recorded since the previous seal. After a stop of several days one head covers them all. Heads are
exported to a directory, where an existing file is never overwritten.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import structlog
from django.db import OperationalError
from psycopg.errors import LockNotAvailable

from urja.apps.proofs import signed_log
from urja.core.calendar import ONE_DAY, local_day
from urja.core.heads import SignedHead
from urja.pipeline.stage import Report

log = structlog.get_logger()

SEAL_AFTER: Final = timedelta(minutes=5)
"""Time after midnight at which transactions that began before it are committed."""


@dataclass(slots=True)
class Sealer:
    """The stage, synchronous. `private_key` signs heads, `directory` takes their files."""

    zone: ZoneInfo
    private_key: bytes = field(repr=False)
    directory: Path
    _sealed: date | None = field(default=None, init=False)
    _exported: int = field(default=0, init=False)
    _detail: str = field(default="", init=False)

    def run_once(self, now: datetime) -> Report:
        """Seal the last day that has ended, unless it is sealed; first a close that was begun and not finished."""
        day = local_day(now - SEAL_AFTER, self.zone) - ONE_DAY
        if self._sealed is not None and day <= self._sealed:
            return Report(detail=self._detail, ill=bool(self._detail))
        try:
            period = self._due(day, now)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            # Writers are not kept waiting: the lock is tried again in the next run.
            return Report(detail="waits for the writers of reads")
        if period is None:
            self._sealed = day
        else:
            signed_log.add_entries(period, self.zone)
            signed_log.add_reads(period)
            signed_log.add_statements(period, self.zone)
            signed_log.add_units(period, self.zone)
            head = signed_log.sign(period, now, self.private_key).head
            log.info("day sealed", day=str(head.day), number=head.number, size=head.size, root=head.root)
        self._export()
        return Report(int(period is not None), detail=self._detail, ill=bool(self._detail))

    @staticmethod
    def _due(day: date, now: datetime) -> signed_log.Period | None:
        """The close that was begun and not ended, otherwise that of the day; None where it is sealed."""
        if (begun := signed_log.unsigned()) is not None:
            return begun
        last = signed_log.last_day()
        return signed_log.cut(day, now) if last is None or last < day else None

    def _export(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for signed in signed_log.signed_heads(self._exported):
            self._write(signed)
            self._exported = signed.head.number

    def _write(self, signed: SignedHead) -> None:
        path = self.directory / f"{signed.head.day}.json"
        content = msgspec.json.encode(signed) + b"\n"
        if not path.exists():
            # Written beside and renamed: a reader never sees half a head.
            temporary = path.with_suffix(".new")
            temporary.write_bytes(content)
            temporary.replace(path)
        elif path.read_bytes() != content:
            self._detail = (
                f"the head of {signed.head.day} in {path} is not the one in the database: run urja verify"
            )
            log.error("head differs from the exported one", day=str(signed.head.day), file=str(path))
