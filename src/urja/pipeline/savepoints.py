"""A stage's work on accounts in savepoints: a failure of one account is noted, and stops no other one.

Work is tried for all members at once. If the database or the ledger refuses it, halves are tried, until the account that
is refused stands alone. It is recorded (`apps.journal.failures`), and tried again after a time that grows with each failure.
Until then it is held back and listed. A service that is not available fails the whole run, and a programming error
(`assert`) ends the process, as ever.
"""

import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import django.db
import psycopg
import structlog
from django.db import connection, transaction

from urja.apps.books.errors import LedgerError
from urja.apps.journal import failures, queries
from urja.apps.journal.queries import Failure, Subject

log = structlog.get_logger()

OWN_ERRORS: Final = (
    django.db.IntegrityError,
    django.db.DataError,
    django.db.InternalError,
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.InternalError,
    LedgerError,
    ArithmeticError,
    LookupError,
    ValueError,
)
"""Failures that the rows of one account may cause: rules of the database, the ledger's, and values without a meaning."""


@dataclass(frozen=True, slots=True)
class Savepoints:
    """The work of one step of a stage in one run."""

    stage: str
    step: str
    now: datetime
    known: dict[Subject, Failure]
    """What the step fails for."""
    met: set[Subject] = field(default_factory=set)
    """What the run has found something to do for."""

    @classmethod
    def of(cls, stage: str, step: str, now: datetime) -> "Savepoints":
        """Return the step of a run at a business instant, with what has failed before."""
        known = {(one.subject, one.subject_id): one for one in queries.failures(stage, step)}
        return cls(stage, step, now, known)

    def due(self) -> list[int]:
        """Return the numbers of the subjects that are to be tried again."""
        return [number for (_, number), one in self.known.items() if one.again_at <= self.now]

    def waiting(self) -> list[int]:
        """Return the numbers of the subjects that are not to be tried again yet.

        A statement that finds a limited number of members leaves them out: they would take the others' places.
        """
        return [number for (_, number), one in self.known.items() if one.again_at > self.now]

    def run[Member, Result](
        self,
        members: Sequence[Member],
        subject: Callable[[Member], Subject],
        work: Callable[[list[Member]], Result],
        *,
        commits_itself: bool = False,
        at_once: bool = False,
    ) -> list[Result]:
        """Do work for members, those left out that are not to be tried again yet; return what each group of them has given.

        With `at_once` none is left out, because each has news. Where it fails again its intervals begin again.

        Work is given all members of a subject together, in their order. It is done again for halves where it fails, so all
        that it changes beside the database is in its result. Work that `commits_itself` keeps no lock of one account while
        it works on another; only where it fails the halves are savepoints.
        """
        self.met.update(map(subject, members))
        ready = [one for one in members if at_once or self._is_ready(subject(one))]
        if not ready:
            return []
        outer = connection.in_atomic_block
        try:
            with nullcontext() if commits_itself else transaction.atomic():
                result = work(ready)
                if outer:
                    _check_deferred()
        except OWN_ERRORS as error:
            subjects = list(dict.fromkeys(map(subject, ready)))
            if len(subjects) == 1 and not commits_itself:
                self._failed(subjects[0], error, restarts=at_once)
                return []
            if commits_itself:
                return self.run(ready, subject, work, at_once=at_once)
            first = set(subjects[: len(subjects) // 2])
            halves = (
                [one for one in ready if subject(one) in first],
                [one for one in ready if subject(one) not in first],
            )
            return [each for half in halves for each in self.run(half, subject, work, at_once=at_once)]
        if self.known:
            self.remove(map(subject, ready))
        return [result]

    def remove(self, subjects: Iterable[Subject]) -> None:
        """Remove the failures of subjects that have succeeded, or for which nothing is to be done any more."""
        if ended := {one for one in subjects if one in self.known}:
            failures.remove(self.stage, self.step, ended)
            for one in ended:
                del self.known[one]

    def remove_idle(self) -> None:
        """Remove failures that were to be tried again and that a run over all that is due has not met.

        Nothing is to be done for them any more: an agreement has ended, an order was stopped. One that another process has
        tried meanwhile stays.
        """
        if idle := {
            one for one, failure in self.known.items() if failure.again_at <= self.now and one not in self.met
        }:
            failures.remove(self.stage, self.step, idle, due_at=self.now)
            for one in idle:
                del self.known[one]

    def _is_ready(self, subject: Subject) -> bool:
        known = self.known.get(subject)
        return known is None or known.again_at <= self.now

    def _failed(self, subject: Subject, error: Exception, *, restarts: bool) -> None:
        # Without the place in the database's functions, which follows in lines of its own.
        text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        # Not as `exc_info`: a renderer that shows local variables would query the database for them.
        trace = "".join(traceback.format_exception(error))
        log.error(
            "held back", stage=self.stage, step=self.step, subject=" ".join(map(str, subject)), trace=trace
        )
        self.known[subject] = failures.record(
            self.stage, self.step, subject, text, self.now, restarts=restarts
        )


def _check_deferred() -> None:
    """Check now what the database would check when the outer transaction ends, where no savepoint could take it back."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
