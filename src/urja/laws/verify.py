"""`urja verify`: prove that the ledger adds up, without trusting the code that wrote it.

Balances, sums and chains are calculated from the entries by plain SQL; charges by a second rater that shares nothing
with the first. docs/money.md names each law and what would break it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final, LiteralString

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
    look_back as look_back_law,
    maintenance as maintenance_law,
    payments as payment_laws,
    periods,
    service as service_law,
    signed_log as root_law,
    statements as statements_law,
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
    """Return the laws with their contradictions.

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
        ("balances", "the stored balance of each account is the sum of its entries", _balances(connection)),
        ("sum_zero", "all balances together are zero", _sum_zero(connection)),
        (
            "chains",
            "each account's entries follow each other without a gap, under their hashes",
            _by_bucket(_chains, connection, buckets),
        ),
        ("arithmetic", "the rows of each charge sum to it", _by_bucket(_arithmetic, connection, buckets)),
        (
            "evidence",
            "each charge that names its calculation is what that comes to when it is made again",
            _by_bucket(partial(evidence_law.examine, zone=zone), connection, buckets),
        ),
        (
            "second_rater",
            "each period was charged what the second rater says",
            _by_bucket(_second_rater, connection, buckets),
        ),
        (
            "units",
            "units are conserved: what was banked and exported is used, settled or still banked, and rests on its determinants",
            _by_bucket(_units, connection, buckets),
        ),
        (
            "unit_banks",
            "each bank of units follows from the one before, version by version and period by period",
            _by_bucket(units_law.following, connection, buckets),
        ),
        (
            "credits",
            "each credit that is marked posted was posted once, with its amount",
            _credits(connection),
        ),
        ("debits", "each debit that is marked posted was posted once, with its amount", _debits(connection)),
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
            ("energy", "the energy rated is the register's advance", _energy(connection, zone)),
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
            ("terms", "each period was rated on the terms that the registry knew", _terms(connection, zone)),
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
                determinants_law.examine(connection, zone),
            ),
            (
                "common_is_shared",
                "what common areas used on a day is shared whole and once, by the weights of the day",
                common_areas_law.examine(connection, zone),
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
    return [Finding(law, sentence, _some(found)) for law, sentence, found in checks]


def _by_bucket(
    law: Callable[[Connection, int, int], Iterable[str]],
    connection: Connection,
    buckets: list[tuple[int, int]],
) -> Iterator[str]:
    """Yield a law's contradictions bucket by bucket, so that only one bucket is in memory at a time."""
    for bucket, proven in buckets:
        yield from law(connection, bucket, proven)


def _some(contradictions: Iterable[str]) -> tuple[str, ...]:
    found = []
    for contradiction in contradictions:
        found.append(contradiction)
        if len(found) == _SHOWN:
            break
    return tuple(found)


def _balances(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "WITH legs AS (SELECT account_id AS id, amount_minor AS amount FROM books_entry "
        "UNION ALL SELECT contra_id, -amount_minor FROM books_entry), "
        "sums AS (SELECT id, sum(amount) AS total FROM legs GROUP BY id) "
        "SELECT coalesce(a.id, s.id), a.balance_minor, coalesce(s.total, 0) FROM books_account a "
        "FULL JOIN sums s ON s.id = a.id WHERE a.balance_minor IS DISTINCT FROM coalesce(s.total, 0) ORDER BY 1"
    )
    for account_id, stored, total in rows:
        yield f"account {account_id} stores {stored}, its entries come to {total}"


def _sum_zero(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT currency, sum(balance_minor) FROM books_account GROUP BY currency HAVING sum(balance_minor) <> 0"
    )
    for currency, total in rows:
        yield f"all accounts in {currency} come to {total}"


def _chains(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    from urja.apps.books.chain import HASHED, entry_hash, parse_json

    given = {"bucket": bucket, "proven": proven}
    heads = {
        account_id: (seq, bytes(last_hash), balance)
        for account_id, seq, last_hash, balance in connection.execute(
            "SELECT id, last_seq, last_hash, balance_minor FROM books_account "
            "WHERE kind <> 'contra' AND bucket = %(bucket)s",
            given,
        )
    }
    reached = {
        account_id: (seq, bytes(last_hash), balance)
        for account_id, seq, last_hash, balance in connection.execute(
            "SELECT DISTINCT ON (account_id) account_id, seq, hash, balance_after_minor FROM books_entry "
            "WHERE bucket = %(bucket)s AND batch <= %(proven)s ORDER BY account_id, seq DESC",
            given,
        )
    }
    # A server-side cursor: a plain one would load all entries of a bucket at once.
    with connection.transaction(), connection.cursor(name="chains") as cursor:
        cursor.execute(
            f"SELECT previous_hash, hash, {', '.join(HASHED)} FROM books_entry "  # noqa: S608 - constants of the code
            "WHERE bucket = %(bucket)s AND batch > %(proven)s ORDER BY account_id, seq",
            given,
        )
        for previous, stored, *values in cursor:
            row = dict(zip(HASHED, values, strict=True))
            row["inputs"] = parse_json(row["inputs"])
            account_id, seq = row["account_id"], row["seq"]
            last_seq, last_hash, balance = reached.get(account_id, (0, bytes(32), 0))
            balance += row["amount_minor"]
            if (seq, bytes(previous), row["balance_after_minor"]) != (last_seq + 1, last_hash, balance):
                yield f"entry {seq} of account {account_id} does not follow entry {last_seq}"
            if entry_hash(bytes(previous), row) != bytes(stored):
                yield f"entry {seq} of account {account_id} is not what its hash was taken over"
            reached[account_id] = (seq, bytes(stored), balance)
    for account_id, head in heads.items():
        if reached.get(account_id, (0, bytes(32), 0)) != head:
            yield f"account {account_id} stands at entry {head[0]}, its chain does not end there"


def _arithmetic(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    rows = connection.execute(
        "SELECT account_id, seq, amount_minor, total FROM books_entry CROSS JOIN LATERAL ("
        "  SELECT coalesce(sum((row->>'amount_minor')::bigint), 0) AS total "
        "  FROM jsonb_array_elements(inputs->'rows') AS row) rows "
        "WHERE bucket = %s AND batch > %s AND origin = 'engine' AND inputs ? 'rows' AND total <> amount_minor ORDER BY account_id, seq",
        [bucket, proven],
    )
    for account_id, seq, amount, total in rows:
        yield f"entry {seq} of account {account_id} is {amount}, its rows come to {total}"


_CHARGED_SINCE: Final = """
SELECT DISTINCT agreement_id FROM books_entry WHERE bucket = %(bucket)s AND batch > %(proven)s AND origin = 'engine'
"""


def _second_rater(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    from urja.laws.second_rater import charges

    given = {"bucket": bucket, "proven": proven}
    charged: dict[tuple[int, date], dict[str, int]] = {}
    for agreement_id, period_start, line, total in connection.execute(
        "SELECT agreement_id, period_start, line, -sum(amount_minor)::bigint FROM books_entry "  # noqa: S608 - constants of the code
        f"WHERE bucket = %(bucket)s AND origin = 'engine' AND agreement_id IN ({_CHARGED_SINCE}) GROUP BY 1, 2, 3",
        given,
    ):
        if total:
            charged.setdefault((agreement_id, period_start), {})[line] = total
    refused = look_back_law.refused_lines(connection, bucket)
    for period in _rated_periods(connection, given):
        expected = charges(
            period.terms,
            period.first,
            period.end,
            period.through,
            uses=period.uses,
            by_day_from=period.by_day_from,
            measured=period.measured,
            bank=period.bank,
            ends=period.ends,
            facts=period.facts,
            past_demands=period.past_demands,
        )
        expected = {line: amount for line, amount in expected.items() if amount}
        posted = charged.pop((period.agreement_id, period.start), {})
        kept = Counter(refused.get((period.agreement_id, period.start), {}))
        kept.update(posted)
        posted = {line: amount for line, amount in kept.items() if amount}
        if posted != expected:
            yield (
                f"agreement {period.agreement_id} from {period.start} was charged or refused {posted}, "
                f"the second rater says {expected}"
            )
    for (agreement_id, start), posted in charged.items():
        yield f"agreement {agreement_id} from {start} was charged {posted} and never rated"


@dataclass(frozen=True, slots=True)
class _RatedPeriod:
    """The inputs of a rated period, collected from the tables without the first rater's code."""

    agreement_id: int
    start: date
    first: date
    end: date
    through: date
    uses: list[tuple[date, date, int]]
    terms: list[tuple[date, list[str], int]]
    """First day, texts of the tariff's versions, and sanctioned load in W, of each change."""
    facts: list[tuple[date, dict[str, Fraction]]]
    """First day, and the loads that terms state besides the sanctioned one in kW, in kW and kVA."""
    by_day_from: date
    measured: list[tuple[date, date, dict[str, int]]]
    """First day, end day and determinants by name, of each part of the period."""
    past_demands: list[tuple[date, str, int]]
    """The day after an earlier period, and a maximum demand of it by name, in W or VA."""
    bank: dict[int, int]
    """Units that were banked before, in Wh by the number of the bank."""
    ends: bool
    """Whether the agreement was known to end with the billed days; said only where a bank is stored."""


def _units(connection: Connection, bucket: int, _proven: int) -> Iterator[str]:
    # All of them, not only what came since: the ledger of units is not in the signed log.
    for period in _rated_periods(connection, {"bucket": bucket, "proven": 0}):
        yield from units_law.conserved(
            connection,
            (period.agreement_id, period.start),
            period.terms,
            (period.first, period.end, period.through),
            period.measured,
        )


def _rated_periods(connection: Connection, given: Mapping[str, int]) -> Iterator[_RatedPeriod]:
    """Yield the rated periods of a bucket: all, or where a part is proven, those of agreements charged since."""
    texts: dict[str, list[tuple[str, str]]] = {}
    for code, version, sha256, text in connection.execute(
        "SELECT code, version, sha256, text FROM rulebook_tariff_version ORDER BY valid_from, id"
    ):
        texts.setdefault(code, []).append((f"{version}:{sha256[:16]}", text))
    banks: dict[tuple[int, date], tuple[dict[int, int], bool]] = {}
    for agreement_id, start, zone, opening_wh, ends in connection.execute(
        "SELECT DISTINCT ON (agreement_id, period_start, zone) agreement_id, period_start, zone, opening_wh, ends "
        "FROM billing_unit_bank WHERE agreement_id >= %(bucket)s::bigint << 40 "
        "AND agreement_id < (%(bucket)s::bigint + 1) << 40 ORDER BY agreement_id, period_start, zone, version DESC",
        given,
    ):
        known = banks.get((agreement_id, start), ({}, False))
        banks[agreement_id, start] = ({**known[0], zone: opening_wh}, ends)
    rows = connection.execute(
        "SELECT agreement_id, period_start, billed_first, billed_end, through, uses, versions, measured, past_demands FROM billing_rated "  # noqa: S608 - a constant
        "WHERE agreement_id >= %(bucket)s::bigint << 40 AND agreement_id < (%(bucket)s::bigint + 1) << 40 "
        f"AND (%(proven)s = 0 OR agreement_id IN ({_CHARGED_SINCE})) ORDER BY 1, 2",
        given,
    ).fetchall()
    for agreement_id, start, first, end, through, uses, versions, measured, past in rows:
        yield _RatedPeriod(
            agreement_id,
            start,
            first,
            end,
            through,
            uses=[(date.fromisoformat(a), date.fromisoformat(b), wh) for a, b, wh in uses],
            terms=[
                (since, [text for name, text in texts[code] if name in named], int(load.partition(",")[0]))
                for since, code, load, named in _terms_of(versions)
            ],
            facts=[(since, _loads_of(load)) for since, _, load, _ in _terms_of(versions)],
            by_day_from=_by_day_from(versions, first),
            measured=[
                (date.fromisoformat(a), date.fromisoformat(b), values) for a, b, values in measured or ()
            ],
            bank=banks.get((agreement_id, start), ({}, False))[0],
            ends=banks.get((agreement_id, start), ({}, False))[1],
            past_demands=[(date.fromisoformat(end), name, power) for _, end, name, power, *_ in past or ()],
        )


def _terms_of(rated: str) -> Iterator[tuple[date, str, str, list[str]]]:
    """Yield the terms in `billing_rated.versions`: first day, tariff code, loads, and the names of its versions.

    Loads are the sanctioned one in W, and what else is stated: `5000,load_va=6000,contracted_w=4000,contracted_va=4500`.
    """
    for each in rated.removeprefix(_by_day(rated)).split("; "):
        since, code, loads, *named = each.split(" ")
        yield date.fromisoformat(since), code, loads, named


_LOADS: Final = {
    "load_va": "sanctioned kVA",
    "contracted_w": "contracted kW",
    "contracted_va": "contracted kVA",
}


def _loads_of(loads: str) -> dict[str, Fraction]:
    """Return the loads besides the sanctioned one in kW as the second rater names them, in kW and kVA."""
    stated = (each.split("=") for each in loads.split(",")[1:])
    return {_LOADS[name]: Fraction(int(load), 1000) for name, load in stated}


def _by_day(rated: str) -> str:
    """Return the prefix for charges by day that begin later than the billed days; empty where there is none."""
    return rated[: rated.index("; ") + 2] if rated.startswith("by day from ") else ""


def _by_day_from(rated: str, first: date) -> date:
    prefix = _by_day(rated)
    return date.fromisoformat(prefix[len("by day from ") : -2]) if prefix else first


def _terms(connection: Connection, zone: str) -> Iterator[str]:
    """Yield periods whose terms differ from the agreement's, except for what was recorded after the last close.

    Of two agreements that share a day, the first is charged for it. Periods are those of the tariff (`laws.periods`).
    """
    yield from periods.examine(connection)
    rows = connection.execute(
        "SELECT r.agreement_id, r.period_start, r.billed_first, r.billed_end, r.versions, "
        "array_agg(ARRAY[(t.valid_from AT TIME ZONE %(zone)s)::date::text, t.tariff_code, concat(t.sanctioned_load_w, "
        "',load_va=' || t.sanctioned_load_va, ',contracted_w=' || t.contracted_load_w, "
        "',contracted_va=' || t.contracted_load_va)] "
        "ORDER BY t.valid_from), (a.valid_from AT TIME ZONE %(zone)s)::date = r.billed_first AND EXISTS ("
        "  SELECT FROM contracts_agreement b WHERE b.service_point_id = a.service_point_id "
        "  AND b.valid_to <= a.valid_from AND b.valid_to > r.billed_first::timestamp AT TIME ZONE %(zone)s "
        "  AND EXISTS (SELECT FROM assets_device_period p WHERE p.service_point_id = a.service_point_id "
        "    AND p.role = 1 AND greatest(p.valid_from, p.in_service_at) < b.valid_to "
        "    AND p.in_service_at IS NOT NULL)) "
        "FROM billing_rated r JOIN billing_close c USING (agreement_id) "
        "JOIN contracts_agreement a ON a.id = r.agreement_id "
        "JOIN contracts_agreement_terms t ON t.agreement_id = r.agreement_id "
        "WHERE r.billed_first < r.billed_end AND NOT EXISTS ("
        "  SELECT FROM contracts_agreement late WHERE late.service_point_id = a.service_point_id "
        "  AND (late.recorded_at > c.closed_at OR EXISTS ("
        "    SELECT FROM journal_history h WHERE h.table_name = 'contracts_agreement' AND h.row_id = late.id "
        "    AND h.known_to > c.closed_at))) AND NOT EXISTS ("
        "  SELECT FROM contracts_agreement_terms late WHERE late.agreement_id = r.agreement_id "
        "  AND (late.recorded_at > c.closed_at OR EXISTS ("
        "    SELECT FROM journal_history h WHERE h.table_name = 'contracts_agreement_terms' AND h.row_id = late.id "
        "    AND h.known_to > c.closed_at))) "
        "GROUP BY 1, 2, a.id ORDER BY 1, 2",
        {"zone": zone},
    )
    for agreement_id, start, first, end, versions, agreed, shared in rows:
        if _by_day_from(versions, first) != first + timedelta(days=shared):
            yield f"agreement {agreement_id} from {start} is charged by day from {_by_day_from(versions, first)}"
        rated = list(_terms_of(versions))
        day = first
        while day < end:
            on = [(code, loads) for since, code, loads, _ in rated if since <= day][-1:]
            begun = [(code, loads) for since, code, loads in agreed if since <= day.isoformat()]
            if on != begun[-1:]:
                yield f"agreement {agreement_id} from {start} was rated on {on} on {day}, its terms are {begun[-1:]}"
                break
            day += timedelta(days=1)


def _energy(connection: Connection, zone: str) -> Iterator[str]:
    """Yield periods whose rated energy differs from the registers' advance as known at their last close.

    Only periods with a read at their midnight are compared. Where meters were exchanged or ratios changed, the
    advance is the sum of what each meter counted, if it was read at both ends of its time, times its ratio, rounded
    down at both ends.
    """
    rows = connection.execute(
        "WITH closed AS ("
        "  SELECT r.agreement_id, r.period_start, r.billed_value, c.closed_at, a.service_point_id, "
        "  greatest(a.valid_from, r.period_start::timestamp AT TIME ZONE %(zone)s) AS from_at, "
        "  least(coalesce(a.valid_to, 'infinity'), r.through::timestamp AT TIME ZONE %(zone)s) AS to_at "
        "  FROM billing_rated r JOIN billing_close c USING (agreement_id) "
        "  JOIN contracts_agreement a ON a.id = r.agreement_id "
        "  WHERE r.through = c.closed_through + 1 AND r.billed_first < r.billed_end AND NOT c.provisional), "
        "metered AS ("
        "  SELECT closed.*, p.device_id, p.ratio_primary::bigint AS times, p.ratio_secondary::bigint AS over, "
        "  greatest(from_at, p.valid_from, p.in_service_at) AS begins_at, "
        "  least(to_at, coalesce(p.valid_to, 'infinity')) AS ends_at "
        "  FROM closed JOIN assets_device_period p ON p.service_point_id = closed.service_point_id AND p.role = 1 "
        "  AND p.in_service_at IS NOT NULL AND greatest(p.valid_from, p.in_service_at) < to_at "
        "  AND coalesce(p.valid_to, 'infinity') > greatest(from_at, p.in_service_at)), "
        "reads AS ("
        "  SELECT DISTINCT ON (service_point_id, device_id, read_at) service_point_id, device_id, read_at, values[1] AS register "
        "  FROM readings_register WHERE kind IN (2, 3, 5) "
        "  ORDER BY service_point_id, device_id, read_at, version DESC, kind) "
        "SELECT agreement_id, period_start, billed_value, "
        "  sum(z.register * times / over - o.register * times / over)::bigint AS advance_wh FROM metered m "
        "LEFT JOIN reads o ON o.service_point_id = m.service_point_id AND o.device_id = m.device_id "
        "  AND o.read_at = begins_at "
        "LEFT JOIN reads z ON z.service_point_id = m.service_point_id AND z.device_id = m.device_id "
        "  AND z.read_at = ends_at "
        "GROUP BY agreement_id, period_start, billed_value "
        "HAVING count(*) = count(z.register - o.register) AND NOT bool_or(EXISTS ("
        "  SELECT FROM readings_register late WHERE late.service_point_id = m.service_point_id "
        "  AND late.read_at IN (begins_at, ends_at) AND late.received_at > closed_at)) "
        "  AND billed_value <> sum(z.register * times / over - o.register * times / over) ORDER BY 1, 2",
        {"zone": zone},
    )
    for agreement_id, start, rated, advance in rows:
        yield f"agreement {agreement_id} from {start} was rated {rated} Wh, its registers advanced by {advance} Wh"


def _credits(connection: Connection) -> Iterator[str]:
    return _requests(connection, _CREDITS, "credit")


def _debits(connection: Connection) -> Iterator[str]:
    return _requests(connection, _DEBITS, "debit")


_CREDITS: Final = """
SELECT c.id, c.amount_minor, c.posted_at IS NOT NULL, count(e.seq), coalesce(sum(e.amount_minor), 0)
FROM books_credit_request c LEFT JOIN books_entry e ON e.bucket = c.id >> 40
    AND e.origin = 'credit' AND (e.inputs->>'request')::bigint = c.id AND e.account_id = c.account_id
GROUP BY c.id
HAVING count(e.seq) <> (c.posted_at IS NOT NULL)::int
    OR (c.posted_at IS NOT NULL AND coalesce(sum(e.amount_minor), 0) <> c.amount_minor)
ORDER BY 1
"""


_DEBITS: Final = """
SELECT d.id, d.amount_minor, d.posted_at IS NOT NULL, count(e.seq), coalesce(-sum(e.amount_minor), 0)
FROM books_debit_request d LEFT JOIN books_entry e ON e.bucket = d.id >> 40
    AND e.origin = 'credit' AND (e.inputs->>'debit')::bigint = d.id AND e.account_id = d.account_id
GROUP BY d.id
HAVING count(e.seq) <> (d.posted_at IS NOT NULL)::int
    OR (d.posted_at IS NOT NULL AND coalesce(-sum(e.amount_minor), 0) <> d.amount_minor)
ORDER BY 1
"""


def _requests(connection: Connection, broken: LiteralString, what: str) -> Iterator[str]:
    """Yield requests whose entries contradict whether they are marked as posted."""
    for request, amount, marked, count, total in connection.execute(broken):
        state = "posted" if marked else "waiting"
        yield f"{what} {request} of {amount} is {state}; {count} entries of it come to {total}"


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
