"""`urja verify`: prove that the ledger adds up, without trusting the code that wrote it.

Balances, sums and chains are calculated from the entries by plain SQL; charges by a second rater that shares nothing
with the first. docs/money.md names each law and what would break it.

All laws read one snapshot of the database. Other processes may share the work: each takes laws, and ranges of buckets of those
that go bucket by bucket, with a read-only session of its own on that snapshot.
"""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from urja.core.heads import SignedHead
from urja.laws import database_catalogue
from urja.laws.connections import Connection
from urja.laws.law_list import Buckets, Law, Question, buckets_of, laws_of


@dataclass(frozen=True, slots=True)
class Finding:
    """A law with its contradictions; none where it holds."""

    law: str
    sentence: str
    contradictions: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.contradictions


@dataclass(frozen=True, slots=True)
class Usage:
    """What the processes that examined laws have used, without the database's."""

    cpu_s: float
    """Of each since its start."""
    peak_mib: int
    """The sum of the most memory that each of them had."""
    law_cpu_s: Mapping[str, float]


class LostProcessError(RuntimeError):
    """A process that examined laws has ended before its work was done."""


def proven_to(connection: Connection) -> int:
    """Return the number of the last head up to which a daily run has proven everything."""
    row = connection.execute("SELECT coalesce(max(proven_to), 0) FROM proofs_laws").fetchone()
    return row[0] if row else 0


_SHOWN: Final = 20
"""At most so many contradictions of a law are collected: one is enough to fail it."""


def laws(connection: Connection, now: datetime | None = None, zone: str | None = None) -> dict[str, bool]:
    """Return each law of the ledger and whether it holds.

    With `zone`, the utility's, arrears and accruals are checked and rated energy is compared with the registers.
    `connection` reads with a role that may read all (the owner, the pipeline). With `now`, and Django configured on
    the pipeline's database, the stage `post` also runs twice in a transaction that is rolled back: the second run
    must post nothing.
    """
    return {finding.law: finding.holds for finding in examine(connection, now, zone)}


def examine(
    connection: Connection,
    now: datetime | None = None,
    zone: str | None = None,
    *,
    expected: database_catalogue.Expected | None = None,
    proven: int = 0,
    copies: Sequence[SignedHead] = (),
) -> list[Finding]:
    """Return the laws with their contradictions, all examined by this process; for the arguments see `Question`."""
    return run(connection, Question(now, zone, expected, proven, tuple(copies)))[0]


def run(
    connection: Connection, question: Question, *, processes: int = 1, conninfo: str = ""
) -> tuple[list[Finding], Usage]:
    """Return the laws with their contradictions, in their order, and what examining them took.

    This is one of the `processes`; the others connect with `conninfo`. All of them read the snapshot of one read-only
    transaction; inside a transaction of the caller, that one. Raises LostProcessError where one of them could not begin, or has
    ended.
    """
    with _reading(connection):
        # One process takes no part of a law: each statement costs its planning.
        examiner = _Examiner(
            connection, laws_of(question), buckets_of(connection, question), 1 if processes == 1 else _RANGES
        )
        answers = _answers(examiner, question, processes - 1, conninfo)
    found: dict[str, tuple[str, ...]] = {law.name: () for law in examiner.laws}
    law_cpu_s = dict.fromkeys(found, 0.0)
    for (law, _), answer in zip(examiner.tasks, answers, strict=True):
        found[law.name] += answer.contradictions
        law_cpu_s[law.name] += answer.cpu_s
    last = {answer.process: answer for answer in sorted(answers, key=lambda one: one.process_cpu_s)}
    usage = Usage(
        sum(answer.process_cpu_s for answer in last.values()),
        sum(answer.peak_kib for answer in last.values()) // 1024,
        law_cpu_s,
    )
    return [Finding(law.name, law.sentence, found[law.name][:_SHOWN]) for law in examiner.laws], usage


@contextmanager
def _reading(connection: Connection) -> Iterator[None]:
    """Read one snapshot, and nothing but read; inside a transaction of the caller, in that one."""
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        yield
        return
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a task."""

    contradictions: tuple[str, ...]
    cpu_s: float
    process: int
    process_cpu_s: float
    """Of the process since its start."""
    peak_kib: int


class _Examiner:
    """A process's session with all tasks: laws as a whole, and those that go bucket by bucket in so many ranges of buckets."""

    def __init__(self, connection: Connection, laws: Sequence[Law], buckets: Buckets, ranges: int) -> None:
        self.connection, self.laws, self.buckets, self.ranges = connection, laws, buckets, ranges
        # Laws of everything are begun first, as they are long; what only the asked process does is at the end, where it begins.
        self.tasks = sorted(self._tasks(), key=lambda task: (task[0].in_this_process, task[0].by_bucket))

    def _tasks(self) -> Iterator[tuple[Law, Buckets]]:
        count = max(
            1, min(_BUCKETS, len(self.buckets) // self.ranges) if self.ranges > 1 else len(self.buckets)
        )
        for law in self.laws:
            if law.by_bucket:
                for first in range(0, len(self.buckets), count):
                    yield law, self.buckets[first : first + count]
            else:
                yield law, self.buckets

    def answer(self, number: int) -> _Answer:
        """Examine one law, in its buckets."""
        law, buckets = self.tasks[number]
        began_s = time.process_time()
        found = self._found(law, buckets)
        ended_s = time.process_time()
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return _Answer(found, ended_s - began_s, os.getpid(), ended_s, peak_kib)

    def _found(self, law: Law, buckets: Buckets) -> tuple[str, ...]:
        """Return a law's contradictions; a value of its rows that is none, such as a date after 9999, is one of them."""
        try:
            # After an error of the server only a savepoint lets the other laws be examined.
            with self.connection.transaction():
                return _some(law.examine(self.connection, buckets))
        except psycopg.DataError as error:
            return (
                f"cannot be examined further: its rows have a value that cannot be read ({_line_of(error)})",
            )


def _line_of(error: psycopg.DataError) -> str:
    return str(error).partition("\n")[0]


_RANGES: Final = 32
_BUCKETS: Final = 16
"""So many ranges of buckets among processes, and at most so many buckets in one: enough that no process waits long for the last one."""


def _some(contradictions: Iterable[str]) -> tuple[str, ...]:
    found = tuple(islice(contradictions, _SHOWN))
    if isinstance(contradictions, Generator):
        # It may have a cursor open, in a transaction: the next law begins without.
        contradictions.close()
    return found


def _answers(examiner: _Examiner, question: Question, beside: int, conninfo: str) -> list[_Answer]:
    """Return the answers to all tasks: other processes begin with the first, this one with the last that none has begun."""
    numbers = range(len(examiner.tasks))
    given: dict[int, Future[_Answer]] = {}
    with ExitStack() as stack:
        if beside:
            (snapshot,) = examiner.connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            pool = ProcessPoolExecutor(
                beside,
                # Not by a fork, which would share the sessions of this process.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(conninfo, snapshot, question, examiner.buckets, examiner.ranges),
            )
            stack.callback(pool.shutdown, cancel_futures=True)
            given = {
                number: pool.submit(_answer, number)
                for number in numbers
                if not examiner.tasks[number][0].in_this_process
            }
        own = {
            number: examiner.answer(number)
            for number in reversed(numbers)
            if number not in given or given[number].cancel()
        }
        try:
            return [own[number] if number in own else given[number].result() for number in numbers]
        except BrokenProcessPool as error:
            raise LostProcessError(
                "a process that was to examine laws could not begin, or was killed, as for want of memory: nothing is proven. One "
                "that could not begin has printed why"
            ) from error


_beside: _Examiner | None = None
"""Of a process beside the one that was asked."""


def _begin(conninfo: str, snapshot: str, question: Question, buckets: Buckets, ranges: int) -> None:
    global _beside  # noqa: PLW0603 - a process of a pool has no other place for its session
    connection = psycopg.connect(conninfo, autocommit=True)
    # The transaction ends with the process.
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
    _beside = _Examiner(connection, laws_of(question), buckets, ranges)


def _answer(number: int) -> _Answer:
    assert _beside is not None, "the pool begins each process"
    return _beside.answer(number)


def daily(conninfo: str, zone: str, expected: Path) -> Callable[[int], dict[str, tuple[str, ...]]]:
    """Return a function that checks the laws as the pipeline does each day: by one process, and posting nothing."""

    def ask(proven: int) -> dict[str, tuple[str, ...]]:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            found = examine(
                connection,
                None,
                zone,
                expected=database_catalogue.stored_expectation(expected),
                proven=proven,
            )
        return {finding.law: finding.contradictions for finding in found}

    return ask
