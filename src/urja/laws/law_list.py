"""The laws of the tables, in the order of the report: each with its sentence, and what yields its contradictions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

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
    deposits as deposits_law,
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
from urja.laws.connections import Connection, Keys

type Buckets = Sequence[tuple[int, int]]
"""Buckets, each with the batch up to which an earlier run has proven it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the laws are asked about.

    With `zone`, the utility's, arrears and accruals are checked and rated energy is compared with the registers. `now` is
    business time: with it the stage `post` runs twice in a transaction that is rolled back, on Django's connection. `expected`
    is the catalogue that the source produces; without it the catalogue is not checked. `proven` is the number of the head up to
    which an earlier run has proven entries and reads: only what came since is checked row by row, and sums are taken over all.
    `copies` are heads that were copied out of the database earlier.
    """

    now: datetime | None = None
    zone: str | None = None
    expected: database_catalogue.Expected | None = None
    proven: int = 0
    copies: tuple[SignedHead, ...] = ()


@dataclass(frozen=True, slots=True)
class Law:
    """A law, and what yields its contradictions in some buckets; one that is not `by_bucket` is asked once, of all."""

    name: str
    sentence: str
    examine: Callable[[Connection, Buckets], Iterable[str]]
    by_bucket: bool = False
    in_this_process: bool = False
    """Whether the process that was asked examines it: it uses Django's connection of that one."""


# Also buckets that have nothing but rows past every rule, which no range would have. Of large tables an index says which bucket
# is the next; UNION ends that where there is none.
_BUCKETS: Final = """
WITH RECURSIVE entries (n) AS (
    SELECT min(bucket)::bigint FROM books_entry
    UNION SELECT (SELECT min(bucket)::bigint FROM books_entry WHERE bucket > n) FROM entries
), credits (n) AS (
    SELECT min(id) >> 40 FROM books_credit_request
    UNION SELECT (SELECT min(id) >> 40 FROM books_credit_request WHERE id >= (n + 1) << 40) FROM credits
), debits (n) AS (
    SELECT min(id) >> 40 FROM books_debit_request
    UNION SELECT (SELECT min(id) >> 40 FROM books_debit_request WHERE id >= (n + 1) << 40) FROM debits
), rated (n) AS (
    SELECT min(agreement_id) >> 40 FROM billing_rated
    UNION SELECT (SELECT min(agreement_id) >> 40 FROM billing_rated WHERE agreement_id >= (n + 1) << 40) FROM rated
)
SELECT n::int FROM (
    TABLE entries UNION TABLE credits UNION TABLE debits UNION TABLE rated UNION SELECT id >> 40 FROM books_account
    UNION SELECT agreement_id >> 40 FROM readings_accrual UNION SELECT agreement_id >> 40 FROM determinants_row
) each (n) WHERE n IS NOT NULL ORDER BY 1
"""


def buckets_of(connection: Connection, question: Question) -> list[tuple[int, int]]:
    """Return all buckets, each with the batch up to which it is proven."""
    covered = root_law.covered(connection, question.proven)
    return [(bucket, covered.get(bucket, 0)) for (bucket,) in connection.execute(_BUCKETS)]


def laws_of(question: Question) -> list[Law]:
    """Return the laws that a question is about."""
    zone, proven = question.zone, question.proven
    laws = [
        _by_range(
            "balances", "the stored balance of each account is the sum of its entries", ledger_law.balances
        ),
        _whole("sum_zero", "all balances together are zero", ledger_law.sum_zero),
        _by_bucket(
            "chains",
            "each account's entries follow each other without a gap, under their hashes",
            ledger_law.chains,
        ),
        _by_bucket("arithmetic", "the rows of each charge sum to it", ledger_law.arithmetic),
        _by_bucket(
            "evidence",
            "each charge that names its calculation is what that comes to when it is made again",
            partial(evidence_law.examine, zone=zone),
        ),
        _by_bucket(
            "second_rater", "each period was charged what the second rater says", rated_law.charges_differing
        ),
        _by_bucket(
            "units",
            "units are conserved: what was banked and exported is used, settled or still banked, and rests on its determinants",
            rated_law.units_differing,
        ),
        _by_bucket(
            "unit_banks",
            "each bank of units follows from the one before, version by version and period by period",
            units_law.following,
        ),
        _by_range(
            "credits",
            "each credit that is marked posted was posted once, with its amount",
            ledger_law.credits_posted,
        ),
        _by_range(
            "debits",
            "each debit that is marked posted was posted once, with its amount",
            ledger_law.debits_posted,
        ),
        _by_bucket(
            "payments",
            "each recharge has a captured payment, a receipt, or an entry of a bank statement, of its amount",
            payment_laws.unpaid,
        ),
        _whole(
            "revenue_reconciles",
            "credited recharges less reversals are what was paid out and what is on its way",
            payment_laws.revenue,
        ),
        _whole(
            "counter",
            "each receipt is covered by its drawer and credited once, and each drawer adds up",
            counter_law.examine,
        ),
        _whole(
            "bank",
            "each credit by a bank statement has one entry, on a file that a passkey accepted and that adds up",
            bank_law.examine,
        ),
        _whole(
            "maintenance",
            "dues less payments are what is outstanding, apart from electricity and from every decision",
            maintenance_law.examine,
        ),
        _by_bucket(
            "statements",
            "each statement of account is the ledger's, under its number and hash",
            statements_law.examine,
        ),
        _by_bucket(
            "statement_differences",
            "each difference of a stated period is stated within 24 hours",
            statements_law.unstated,
        ),
        _whole(
            "roots",
            "what was posted and recorded is what the signed roots say",
            lambda connection: root_law.examine(connection, proven, question.copies),
        ),
        _whole(
            "settled",
            "nothing was settled before the last register of each meter was known",
            settled_law.examine,
        ),
    ]
    if zone is not None:
        laws += [
            _whole(
                "arrears",
                "each recharge, each instalment and the final balance have paid arrears as they should",
                lambda connection: arrears_law.examine(connection, zone),
            ),
            _by_range(
                "energy",
                "the energy rated is the register's advance",
                partial(terms_law.energy, zone=zone),
            ),
            _by_bucket(
                "look_back",
                "nothing more was charged for a period older than the limit, and each refusal is by the rule",
                partial(look_back_law.examine, zone=zone),
            ),
            _by_bucket(
                "reviews",
                "each abnormal charge of a day was reviewed, and each review is by the rule",
                partial(reviews_law.examine, zone=zone),
            ),
            _by_bucket(
                "subsidy_claims",
                "the claims of subsidies come to what the receivable accounts hold",
                partial(subsidy_law.examine, zone=zone),
            ),
            _whole(
                "subsidy_payments",
                "each recorded payment of a subsidy claim is its operation's",
                subsidy_law.payments,
            ),
            _whole(
                "deposits",
                "each security deposit was charged once and given back once, and none is left at a prepaid supply",
                lambda connection: deposits_law.examine(connection, proven),
            ),
            _by_range(
                "terms",
                "each period was rated on the terms that the registry knew",
                partial(terms_law.examine, zone=zone),
            ),
            _whole(
                "service",
                "nothing was charged, notified, disconnected or opened as work before the supply was in service",
                lambda connection: service_law.examine(connection, zone),
            ),
            _whole(
                "approvals",
                "nothing above the thresholds was performed without the passkeys that it needed",
                lambda connection: approval_law.examine(connection, zone),
            ),
            Law(
                "accruals",
                "each stored accrual is what its rows come to",
                lambda connection, buckets: accrual_law.examine(
                    connection, [bucket for bucket, _ in buckets], zone, proven
                ),
                by_bucket=True,
            ),
            Law(
                "determinants",
                "each row of determinants is what its hash says, adds up, and is what its readings come to",
                lambda connection, buckets: determinants_law.examine(
                    connection, [bucket for bucket, _ in buckets], zone, proven
                ),
                by_bucket=True,
            ),
            _whole(
                "common_is_shared",
                "what common areas used on a day is shared whole and once, by the weights of the day",
                lambda connection: common_areas_law.examine(connection, zone, proven),
            ),
        ]
    if question.expected is not None:
        expected = question.expected
        laws.append(
            _whole(
                "catalogue",
                "triggers, functions, constraints, rights, owners and row security are those of the source",
                lambda connection: database_catalogue.differences(connection, expected),
            )
        )
    if question.now is not None:
        laws.append(
            Law(
                "second_run",
                "a second run of the stage posts nothing",
                partial(_second_run, question.now),
                in_this_process=True,
            )
        )
    return laws


def _whole(name: str, sentence: str, examine: Callable[[Connection], Iterable[str]]) -> Law:
    return Law(name, sentence, lambda connection, _buckets: examine(connection))


def _by_bucket(name: str, sentence: str, examine: Callable[[Connection, int, int], Iterable[str]]) -> Law:
    def of_some(connection: Connection, buckets: Buckets) -> Iterator[str]:
        # One after the other, so that only one bucket is in memory at a time.
        for bucket, proven in buckets:
            yield from examine(connection, bucket, proven)

    return Law(name, sentence, of_some, by_bucket=True)


def _by_range(name: str, sentence: str, examine: Callable[[Connection, Keys], Iterable[str]]) -> Law:
    def of_some(connection: Connection, buckets: Buckets) -> Iterable[str]:
        # Together: a statement takes less for all of them than for each one. Nothing is between them.
        (first, _), (last, _) = buckets[0], buckets[-1]
        return examine(connection, Keys(first << 40, (last + 1) << 40))

    return Law(name, sentence, of_some, by_bucket=True)


def _second_run(now: datetime, _connection: Connection, _buckets: Buckets) -> Iterator[str]:
    from django.db import transaction

    from urja.pipeline import post

    with transaction.atomic():
        post.run_once(now)
        again = post.run_once(now)
        transaction.set_rollback(True)
    if again.done:
        yield f"the second run posted {again.done} entries"
