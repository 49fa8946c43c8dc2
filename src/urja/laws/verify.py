"""`urja verify`: prove that the ledger adds up, without trusting the code that wrote it.

Balances, sums and chains are calculated from the entries by plain SQL; charges by a second rater that shares nothing
with the first. docs/money.md names each law and what would break it.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

import psycopg

from urja.core.heads import SignedHead
from urja.laws import (
    accrual as accrual_law,
    approvals as approval_law,
    arrears as arrears_law,
    bank as bank_law,
    charge_reviews as reviews_law,
    common_areas as common_areas_law,
    counter as counter_law,
    database_catalogue,
    determinants as determinants_law,
    evidence as evidence_law,
    final_settlements as settled_law,
    ledger as ledger_law,
    look_back as look_back_law,
    maintenance as maintenance_law,
    payments as payment_laws,
    rated_periods as rated_law,
    service as service_law,
    signed_log as root_law,
    statements as statements_law,
    subsidy_claims as subsidy_law,
    terms as terms_law,
    units as units_law,
)
from urja.laws.connections import Connection


@dataclass(frozen=True, slots=True)
class Finding:
    """A law with its contradictions; none where it holds."""

    law: str
    sentence: str
    contradictions: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.contradictions


def proven_to(connection: Connection) -> int:
    """Return the number of the last head up to which a daily run has proven everything."""
    row = connection.execute("SELECT coalesce(max(proven_to), 0) FROM proofs_laws").fetchone()
    return row[0] if row else 0


_SHOWN = 20
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
    """Return the laws with their contradictions, as `findings` yields them."""
    return list(findings(connection, now, zone, expected=expected, proven=proven, copies=copies))


def findings(
    connection: Connection,
    now: datetime | None = None,
    zone: str | None = None,
    *,
    expected: database_catalogue.Expected | None = None,
    proven: int = 0,
    copies: Sequence[SignedHead] = (),
) -> Iterator[Finding]:
    """Yield each law with its contradictions as soon as it was examined.

    `expected` is the catalogue that the source produces; without it the catalogue is not checked. `proven` is the
    number of the head up to which an earlier run has proven entries and reads: only what came since is checked row by
    row, and sums are taken over all. `copies` are heads that were copied out of the database earlier.
    """
    covered = root_law.covered(connection, proven)
    buckets = [
        (bucket, covered.get(bucket, 0))
        for (bucket,) in connection.execute("SELECT DISTINCT bucket FROM books_account ORDER BY 1")
    ]
    checks: list[tuple[str, str, Iterable[str]]] = [
        (
            "balances",
            "the stored balance of each account is the sum of its entries",
            ledger_law.balances(connection),
        ),
        ("sum_zero", "all balances together are zero", ledger_law.sum_zero(connection)),
        (
            "chains",
            "each account's entries follow each other without a gap, under their hashes",
            _by_bucket(ledger_law.chains, connection, buckets),
        ),
        (
            "arithmetic",
            "the rows of each charge sum to it",
            _by_bucket(ledger_law.arithmetic, connection, buckets),
        ),
        (
            "evidence",
            "each charge that names its calculation is what that comes to when it is made again",
            _by_bucket(partial(evidence_law.examine, zone=zone), connection, buckets),
        ),
        (
            "second_rater",
            "each period was charged what the second rater says",
            _by_bucket(rated_law.charges_differing, connection, buckets),
        ),
        (
            "units",
            "units are conserved: what was banked and exported is used, settled or still banked, and rests on its determinants",
            _by_bucket(rated_law.units_differing, connection, buckets),
        ),
        (
            "unit_banks",
            "each bank of units follows from the one before, version by version and period by period",
            _by_bucket(units_law.following, connection, buckets),
        ),
        (
            "credits",
            "each credit that is marked posted was posted once, with its amount",
            ledger_law.credits_posted(connection),
        ),
        (
            "debits",
            "each debit that is marked posted was posted once, with its amount",
            ledger_law.debits_posted(connection),
        ),
        (
            "payments",
            "each recharge has a captured payment, a receipt, or an entry of a bank statement, of its amount",
            _by_bucket(payment_laws.unpaid, connection, buckets),
        ),
        (
            "revenue_reconciles",
            "credited recharges less reversals are what was paid out and what is on its way",
            payment_laws.revenue(connection),
        ),
        (
            "counter",
            "each receipt is covered by its drawer and credited once, and each drawer adds up",
            counter_law.examine(connection),
        ),
        (
            "bank",
            "each credit by a bank statement has one entry, on a file that a passkey accepted and that adds up",
            bank_law.examine(connection),
        ),
        (
            "maintenance",
            "dues less payments are what is outstanding, apart from electricity and from every decision",
            maintenance_law.examine(connection),
        ),
        (
            "statements",
            "each statement of account is the ledger's, under its number and hash",
            _by_bucket(statements_law.examine, connection, buckets),
        ),
        (
            "statement_differences",
            "each difference of a stated period is stated within 24 hours",
            _by_bucket(statements_law.unstated, connection, buckets),
        ),
        (
            "roots",
            "what was posted and recorded is what the signed roots say",
            root_law.examine(connection, proven, copies),
        ),
        (
            "settled",
            "nothing was settled before the last register of each meter was known",
            settled_law.examine(connection),
        ),
    ]
    if zone is not None:
        checks += [
            (
                "arrears",
                "each recharge, each instalment and the final balance have paid arrears as they should",
                arrears_law.examine(connection, zone),
            ),
            ("energy", "the energy rated is the register's advance", terms_law.energy(connection, zone)),
            (
                "look_back",
                "nothing more was charged for a period older than the limit, and each refusal is by the rule",
                _by_bucket(partial(look_back_law.examine, zone=zone), connection, buckets),
            ),
            (
                "reviews",
                "each abnormal charge of a day was reviewed, and each review is by the rule",
                _by_bucket(partial(reviews_law.examine, zone=zone), connection, buckets),
            ),
            (
                "subsidy_claims",
                "the claims of subsidies come to what the receivable accounts hold",
                _by_bucket(partial(subsidy_law.examine, zone=zone), connection, buckets),
            ),
            (
                "terms",
                "each period was rated on the terms that the registry knew",
                terms_law.examine(connection, zone),
            ),
            (
                "service",
                "nothing was charged, notified, disconnected or opened as work before the supply was in service",
                service_law.examine(connection, zone),
            ),
            (
                "approvals",
                "nothing above the thresholds was performed without the passkeys that it needed",
                approval_law.examine(connection, zone),
            ),
            (
                "accruals",
                "each stored accrual is what its rows come to",
                accrual_law.examine(connection, zone, proven),
            ),
            (
                "determinants",
                "each row of determinants is what its hash says, adds up, and is what its readings come to",
                determinants_law.examine(connection, zone, proven),
            ),
            (
                "common_is_shared",
                "what common areas used on a day is shared whole and once, by the weights of the day",
                common_areas_law.examine(connection, zone, proven),
            ),
        ]
    if expected is not None:
        checks.append(
            (
                "catalogue",
                "triggers, functions, constraints, rights, owners and row security are those of the source",
                database_catalogue.differences(connection, expected),
            )
        )
    if now is not None:
        checks.append(("second_run", "a second run of the stage posts nothing", _second_run(now)))
    for law, sentence, found in checks:
        yield Finding(law, sentence, _some(found))


def _by_bucket(
    law: Callable[[Connection, int, int], Iterable[str]],
    connection: Connection,
    buckets: list[tuple[int, int]],
) -> Iterator[str]:
    """Yield a law's contradictions bucket by bucket, so that only one bucket is in memory at a time."""
    for bucket, proven in buckets:
        yield from law(connection, bucket, proven)


def _some(contradictions: Iterable[str]) -> tuple[str, ...]:
    found = tuple(islice(contradictions, _SHOWN))
    if isinstance(contradictions, Generator):
        # It may have a cursor open, in a transaction: the next law begins without.
        contradictions.close()
    return found


def _second_run(now: datetime) -> Iterator[str]:
    from django.db import transaction

    from urja.pipeline import post

    with transaction.atomic():
        post.run_once(now)
        again = post.run_once(now)
        transaction.set_rollback(True)
    if again.done:
        yield f"the second run posted {again.done} entries"


def daily(conninfo: str, zone: str, expected: Path) -> Callable[[int], dict[str, tuple[str, ...]]]:
    """Return a function that checks the laws as the pipeline does each day.

    It reads one snapshot of the database (repeatable read, read only) and posts nothing.
    """

    def ask(proven: int) -> dict[str, tuple[str, ...]]:
        with psycopg.connect(conninfo) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            found = examine(
                connection,
                None,
                zone,
                expected=database_catalogue.stored_expectation(expected),
                proven=proven,
            )
        return {finding.law: finding.contradictions for finding in found}

    return ask
