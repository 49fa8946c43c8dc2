"""Recharges at a steady rate: captured payments that become entries, and how long each takes.

One process applies what a gateway reports, as the stage `collect` does, and another posts the credits, as the stage `decide`
does. A recharge takes from the instant at which it is due until the run that posted its entry has ended. The pipeline rests for
a tenth of a second between two runs; here the rest is 5 ms, so that the posting is measured and not the rest.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.managers import SyncManager
from threading import Event
from typing import Any

import psycopg

PER_S = 100
REST_S = 0.005
PROVIDER, AMOUNT_MINOR = "bench", 10_000

ORDERS = """
    INSERT INTO payments_order (id, account_id, amount_minor, currency, provider, provider_order_id, state, correlation,
            created_at, pending_at)
        SELECT 1000000 + i, a.key, %(amount)s, 'INR', %(provider)s, 'order-' || i, 'pending', i, a.since, a.since
        FROM generate_series(0, %(count)s - 1) AS i
        JOIN n a ON a.n = 1 + mod(i::bigint * 7919, (SELECT max(n) FROM n))
"""


def place(connection: psycopg.Connection, count: int) -> None:
    """Insert orders that a gateway has taken, each of another account of the table `n` as far as there are enough."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(ORDERS, {"amount": AMOUNT_MINOR, "provider": PROVIDER, "count": count})


@dataclass(frozen=True, slots=True)
class Recharges:
    """The two processes."""

    payer: ProcessPoolExecutor
    poster: ProcessPoolExecutor
    manager: SyncManager

    def measured(
        self, numbers: range, at: datetime, during: Callable[[], Any] | None = None
    ) -> dict[str, float]:
        """Return count, median and 95th percentile (ms) of recharges while `during` runs, or of all `numbers`.

        `at` is the business instant from which they are posted.
        """
        paid, ended = self.manager.Event(), self.manager.Event()
        posting = self.poster.submit(post, at, ended)
        paying = self.payer.submit(pay, numbers, at, paid)
        if during is not None:
            during()
            paid.set()
        due = paying.result()
        ended.set()
        done = posting.result()
        assert due.keys() == done.keys(), "each recharge is posted once"
        took_ms = sorted((done[key] - due[key]) * 1000 for key in due)
        return {
            "recharges": len(took_ms),
            "p50_ms": round(statistics.median(took_ms), 1),
            "p95_ms": round(took_ms[int(len(took_ms) * 0.95)], 1),
        }


@contextmanager
def recharging(owner: str, begin: Callable[[str], None]) -> Iterator[Recharges]:
    """Yield the processes; `begin` sets each up for the database `owner`."""
    spawned = multiprocessing.get_context("spawn")

    def process() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=spawned, initializer=begin, initargs=(owner,))

    with process() as payer, process() as poster, spawned.Manager() as manager:
        for each in (payer, poster):
            each.submit(time.monotonic).result()
        yield Recharges(payer, poster, manager)


def pay(numbers: range, at: datetime, stop: Event) -> dict[str, float]:
    """Apply a captured payment of each order, `PER_S` in a second, until `stop`; return when each was due."""
    from urja.apps.payments.crediting import AppliedCounts, apply_payments
    from urja.apps.payments.kinds import PaymentState
    from urja.apps.payments.port import Method, OrderFact, PaymentFact

    due, began, counts = {}, time.monotonic(), AppliedCounts()
    for place_, number in enumerate(numbers):
        due_at = began + place_ / PER_S
        time.sleep(max(0.0, due_at - time.monotonic()))
        if stop.is_set():
            break
        order_id, payment_id = f"order-{number}", f"payment-{number}"
        apply_payments(
            PROVIDER,
            OrderFact(order_id, f"urja-{1_000_000 + number}", AMOUNT_MINOR, "INR"),
            [
                PaymentFact(
                    payment_id, order_id, AMOUNT_MINOR, "INR", PaymentState.CAPTURED, Method.UPI, "", at
                )
            ],
            at,
            counts,
        )
        due[f"{PROVIDER}:{payment_id}"] = due_at
    assert counts.credits == len(due), counts
    return due


def post(at: datetime, stop: Event) -> dict[str, float]:
    """Post credits as they come, until `stop` and none waits; return when the run that posted each had ended."""
    from urja.apps.books.models import CreditRequest
    from urja.pipeline.credits import post_credits

    done: dict[str, float] = {}
    while True:
        stopping = stop.is_set()
        # A microsecond for each run, to tell which credits are its own.
        at += timedelta(microseconds=1)
        if post_credits(at, wait=False):
            posted = CreditRequest.objects.filter(posted_at=at).values_list("idempotency_key", flat=True)
            done |= dict.fromkeys(posted, time.monotonic())
        elif stopping and not CreditRequest.objects.filter(posted_at=None).exists():
            return done
        time.sleep(REST_S)
