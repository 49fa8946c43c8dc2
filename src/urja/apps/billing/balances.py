"""Fresh balances of accounts: the ledger balance less what use since the last posting costs.

One statement reads what is stored of all accounts asked for, one more what was charged for their open periods; the
arithmetic is in `urja.core.rating`. Beside the balance stands what decisions about supply need: the usual cost of a
day, and how much was charged for a day that was closed without the register read of its midnight.
"""

# ruff: noqa: S608  (statements are put together from constants; values travel as parameters)

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

from django.db import connection

from urja.apps.billing import open_days, rating_basis, targets
from urja.apps.billing.agreement_periods import billed_by_month, current_period, days_of, last_day, period_of
from urja.apps.billing.open_days import SoFar
from urja.apps.billing.targets import PeriodSoFar, Rating
from urja.apps.books.errors import UnknownAccountError
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.readings.accrual import BILLED_VALUE, PERIOD_ENERGY_COLUMNS, PeriodEnergy
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import ONE_DAY, Period, local_day
from urja.core.rating import RatedPeriod
from urja.core.rating.priced_quantities import adds_up

FIRST_DAY_MINIMUM = timedelta(hours=1)
"""The part of the first day that must be known before the cost of a whole day is calculated from it."""

DAYS_OF_COST = 7
"""Days left are the balance over the mean cost of this many days: the last posted ones whose use is known."""


NEVER_COUNTED_LONGER: Final = timedelta(days=91)
"""What settled at close is looked for so far back: longer than any policy grants."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """An estimate of what lines that settle at close will add to a billing period. It is no charge and in no ledger."""

    settles_on: date
    """The last day of the period, whose close posts it."""
    lines: tuple[tuple[str, int], ...]
    """Titles of lines with their amounts in minor units; an incentive is negative."""

    @property
    def minor(self) -> int:
        """The sum of all lines, in minor units."""
        return sum(minor for _, minor in self.lines)


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of an account now: the one figure that pages, alerts and decisions use. Amounts in minor units."""

    balance_minor: int
    """`ledger_minor` less `pending_minor`."""
    ledger_minor: int
    pending_minor: int
    """Cost of the use up to `as_of` that is not posted yet. The day in progress counts as begun."""
    credits_minor: int
    """Credits that are recorded and not posted yet. Not part of the balance."""
    as_of: datetime | None
    """End of the last reading in the figure; None before the first."""
    estimated_wh: int
    """Estimated energy in the figure, in Wh."""
    estimated_share: Fraction
    """Estimated part of the energy since the last register read, 0 to 1. What the register counted is not estimated."""
    days_left: Fraction | None
    """Days that the balance lasts, at the mean cost of the last seven posted days whose use is known.

    Before the first posted day, at the cost of the day so far. An instalment of each day is part of the cost.
    """
    daily_cost_minor: int | None
    """That mean cost of a day; None where it is unknown or rounds to zero."""
    provisional_minor: int
    """What was charged for a day that was closed without its midnight's register read and is not corrected yet."""
    currency: str
    last_seq: int
    """Sequence number of the account's last ledger entry."""
    latest_watermark_at: datetime | None
    """Data watermark of the current period's accrual."""
    latest_energy_wh: int | None
    """Energy of the current period's accrual, in Wh."""
    reserves: tuple[Reserve, ...] = ()
    """Of each period that is not closed, oldest first; none of a tariff without lines that settle at close."""
    at_close: tuple[tuple[datetime, int], ...] = ()
    """What settled at close: when it was posted, and the charge in minor units."""
    clawed_back_minor: int = 0
    """Subsidies that were taken back today, or will be by the close of a day that has begun."""

    @property
    def reserve_minor(self) -> int:
        """The sum of all reserves, in minor units: beside the balance, and no part of it."""
        return sum(reserve.minor for reserve in self.reserves)

    def settled_since(self, since: datetime) -> int:
        """Return what was charged at a close after an instant (UTC), in minor units; incentives are taken off."""
        return max(0, sum(minor for posted_at, minor in self.at_close if posted_at > since))


def fresh_balance(account_id: int, now: datetime, agreement: Agreement | None = None) -> Balance:
    """Return the balance of an account at `now`.

    A caller that has the agreement of `now` may pass it, which saves a query. Raises UnknownAccountError, and
    UnknownTariffError where no version of its tariff is in force.
    """
    agreement = agreement or contracts.agreement_at(account_id, now)
    with tariffs.cached_versions():
        found = _balances({account_id: agreement}, now)
    if not found:
        raise UnknownAccountError(f"no account {account_id}")
    return found[account_id]


def fresh_balances(agreements: Sequence[Agreement], now: datetime) -> dict[int, Balance]:
    """Return the balances of the accounts of these agreements at `now` (UTC), by account number.

    Raises UnknownAccountError, and UnknownTariffError where an agreement cannot be rated.
    """
    with tariffs.cached_versions():
        found = _balances({agreement.account_id: agreement for agreement in agreements}, now)
    for agreement in agreements:
        if agreement.account_id not in found:
            raise UnknownAccountError(f"no account {agreement.account_id}")
    return found


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the ledger says of an account."""

    balance_minor: int
    last_seq: int
    currency: str
    credits_minor: int
    closed_through: date | None
    provisional_minor: int
    days_cost_minor: int | None
    """Cost of `days` posted days."""
    days: int
    instalment_minor: int
    """Instalment of dues that each day pays."""
    not_counted: str | None
    """JSON of the entries that settled at close or took a subsidy back: instant posted (Unix seconds) and both parts."""

    @property
    def daily_cost_minor(self) -> Fraction | None:
        return Fraction(self.days_cost_minor or 0, self.days) if self.days else None


DAILY_INSTALMENT_SQL = """coalesce((
    SELECT least(p.amount_minor, (SELECT sum(r.principal_minor + r.surcharge_minor) FROM billing_arrear_left r
        WHERE r.account_id = p.account_id))
    FROM billing_instalment_plan p WHERE p.account_id = a.id AND p.every = 'day'
        AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s
), 0)::bigint"""
"""SQL for the instalment of dues that account `a` pays with each day at `now`, in minor units."""

NOT_COUNTED_SQL = """(
    SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM e.posted_at), coalesce((e.inputs->>'at_close')::bigint, 0),
        coalesce((e.inputs->>'clawed_back')::bigint, 0)) ORDER BY e.seq)
    FROM books.entry e WHERE e.bucket = a.bucket AND e.account_id = a.id
        AND (e.inputs->'at_close' IS NOT NULL OR e.inputs->'clawed_back' IS NOT NULL) AND e.posted_at > %(since)s
        -- A provisional day is not counted as a whole.
        AND NOT (coalesce(d.provisional, false) AND e.service_date = d.closed_through)
)"""
"""SQL for the entries of account `a`, whose close is `d`, that are no ground to disconnect for some time."""

_DONE_WITH = """coalesce((
        SELECT -sum(e.amount_minor)::bigint FROM books.entry e
        WHERE e.origin = 'engine' AND e.agreement_id = {0} AND e.period_start = {1}
    ), 0) + coalesce((
        SELECT r.amount_minor FROM billing.refusal r WHERE r.agreement_id = {0} AND r.period_start = {1}
    ), 0)"""
"""SQL for what was charged for an agreement's period, and what is never charged for it because of the look-back limit."""

_STORED = f"""
SELECT a.id, a.balance_minor, a.last_seq, a.currency,
    coalesce((
        SELECT sum(c.amount_minor) FROM books.credit_request c WHERE c.account_id = a.id AND c.posted_at IS NULL
    ), 0)::bigint,
    d.closed_through,
    CASE WHEN d.provisional THEN (
        SELECT greatest(-sum(e.amount_minor), 0)::bigint FROM books.entry e
        WHERE e.bucket = a.bucket AND e.account_id = a.id AND e.agreement_id = d.agreement_id
            AND e.origin = 'engine' AND e.service_date = d.closed_through
    ) ELSE 0 END,
    cost.minor, cost.days, {DAILY_INSTALMENT_SQL}, {NOT_COUNTED_SQL}, newest.*, done.billed_end, done.versions,
    CASE WHEN done.billed_end IS NULL THEN {_DONE_WITH.format("newest.agreement_id", "newest.period")} END
FROM unnest(%(accounts)s::bigint[], %(agreements)s::bigint[], %(monthly)s::boolean[])
    AS given (account_id, agreement_id, by_month)
JOIN books.account a ON a.id = given.account_id
LEFT JOIN billing_close d ON d.agreement_id = given.agreement_id
CROSS JOIN LATERAL (
    -- Only days whose use is known: a meter that does not communicate is still charged its fixed charges, and these alone
    -- would make a day look cheap.
    WITH recent AS (
        SELECT service_date, amount_minor FROM (
            SELECT service_date, amount_minor FROM books.entry
            WHERE bucket = a.bucket AND account_id = a.id AND origin = 'engine' ORDER BY seq DESC LIMIT 200
        ) newest WHERE service_date < (
            SELECT (max(r.watermark_at) AT TIME ZONE %(zone)s)::date FROM readings.accrual r
            WHERE r.agreement_id = given.agreement_id)
    )
    -- What settles at close is of the whole period, and not of its last day.
    SELECT -sum(amount_minor)::bigint - coalesce((
        SELECT sum((e.inputs->>'at_close')::bigint)::bigint FROM books.entry e
        WHERE e.bucket = a.bucket AND e.account_id = a.id AND (e.inputs->'at_close' IS NOT NULL OR e.inputs->'clawed_back' IS NOT NULL)
            AND e.service_date > max(recent.service_date) - %(days)s::int AND e.service_date <= max(recent.service_date)
    ), 0) AS minor, count(DISTINCT service_date) AS days FROM recent
    WHERE service_date > (SELECT max(service_date) FROM recent) - %(days)s::int
) cost
LEFT JOIN LATERAL (
    SELECT {PERIOD_ENERGY_COLUMNS} FROM readings.accrual r
    WHERE r.agreement_id = given.agreement_id AND given.by_month ORDER BY r.period DESC LIMIT 2
) newest ON true
-- Periods that were rated to their end from the energy that is accrued now need not be rated again. Only those with one
-- price (one use): the accrual has no energy for the part before a change of price.
LEFT JOIN billing_rated done ON done.agreement_id = newest.agreement_id AND done.period_start = newest.period
    AND done.through = done.billed_end
    AND done.billed_value = {BILLED_VALUE.format("newest")} AND jsonb_array_length(done.uses) = 1
ORDER BY a.id, newest.period
"""

_STORED_COLUMNS = 11


def _balances(agreements: Mapping[int, Agreement | None], now: datetime) -> dict[int, Balance]:
    """Return balances by account; accounts that do not exist are left out."""
    monthly = {id_: one is not None and billed_by_month(one, now) for id_, one in agreements.items()}
    stored, used, charged, rated_to_end = _stored(agreements, monthly, now)
    by_rows = {
        id_: (one, stored[id_].closed_through)
        for id_, one in agreements.items()
        if one and not monthly[id_] and id_ in stored
    }
    accrued = open_days.accrued_by_rows(by_rows.values(), now)
    used |= {id_: accrued.get(one.id, []) for id_, (one, _) in by_rows.items()}
    periods = {
        id_: _open_periods(one, used[id_], stored[id_], rated_to_end)
        for id_, one in agreements.items()
        if one and used[id_]
    }
    so_far = open_days.read([asked for one in periods.values() for asked in one.asked])
    open_ = {id_: _open(one, so_far) for id_, one in periods.items()}
    rated = [(one.agreement.id, period.first) for one in open_.values() for period, _ in one.rated]
    charged |= _charged([one for one in rated if one not in charged])
    given = _given([one for one in open_.values() if one.given])
    return {
        id_: _balance(books, open_[id_].accrued(charged, given) if id_ in open_ else _NOTHING, used[id_], now)
        for id_, books in stored.items()
    }


type _Key = tuple[int, date]
"""Number of an agreement, and first day of a period."""

type _Books = tuple[
    dict[int, _Stored], dict[int, list[PeriodEnergy]], dict[_Key, int], dict[_Key, tuple[date, str]]
]


def _stored(agreements: Mapping[int, Agreement | None], monthly: Mapping[int, bool], now: datetime) -> _Books:
    """Return what the ledger says, and the last two accruals, oldest first, where billing periods are calendar months.

    Besides what the engine has charged for each accrual; or, for those that were rated to their end from the energy
    that is accrued now, that end and the fingerprint of the terms.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _STORED,
            {
                "accounts": list(agreements),
                "agreements": [one.id if one else None for one in agreements.values()],
                "monthly": [monthly[id_] for id_ in agreements],
                "days": DAYS_OF_COST,
                "zone": local_zone().key,
                "now": now,
                "since": now - NEVER_COUNTED_LONGER,
            },
        )
        rows = cursor.fetchall()
    stored: dict[int, _Stored] = {}
    used: dict[int, list[PeriodEnergy]] = {id_: [] for id_ in agreements}
    charged: dict[_Key, int] = {}
    rated_to_end: dict[_Key, tuple[date, str]] = {}
    for account_id, *row in rows:
        stored[account_id] = _Stored(*row[: _STORED_COLUMNS - 1])
        *accrual, end, versions, minor = row[_STORED_COLUMNS - 1 :]
        if accrual[0] is not None:
            energy = PeriodEnergy.from_row(accrual)
            used[account_id].append(energy)
            if end is None:
                charged[energy.agreement_id, energy.period] = minor or 0
            else:
                rated_to_end[energy.agreement_id, energy.period] = (end, versions)
    return stored, used, charged, rated_to_end


def _charged(periods: Sequence[tuple[int, date]]) -> dict[tuple[int, date], int]:
    """Return what the engine has charged or may not charge, in minor units, by agreement and first day of the period."""
    if not periods:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT asked.agreement_id, asked.first, {_DONE_WITH.format('asked.agreement_id', 'asked.first')} "
            "FROM unnest(%s::bigint[], %s::date[]) AS asked (agreement_id, first)",
            [[agreement_id for agreement_id, _ in periods], [first for _, first in periods]],
        )
        return {(agreement_id, first): minor for agreement_id, first, minor in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class _Accrued:
    pending_minor: int
    as_of: datetime | None
    estimated_wh: int
    first_day_cost_minor: Fraction | None = None
    """Cost of a whole day at the pace of the first one so far; None once a day is closed."""
    reserves: tuple[Reserve, ...] = ()
    clawed_back_minor: int = 0
    """What the next close takes back of subsidies that were given."""


_NOTHING = _Accrued(0, None, 0)


@dataclass(frozen=True, slots=True)
class _Open:
    """The periods of an agreement that may still be charged, each with its target in minor units."""

    agreement: Agreement
    rated: tuple[tuple[Period, int], ...]
    as_of: datetime
    estimated_wh: int
    first_day_cost_minor: Fraction | None
    reserves: tuple[Reserve, ...]
    given: Mapping[tuple[date, str], int]
    """Targets of lines that others pay, by period and line, in minor units: below zero what the consumer is given."""

    def accrued(
        self, charged: Mapping[tuple[int, date], int], given: Mapping[tuple[int, date, str], int]
    ) -> _Accrued:
        """Return the targets less what was posted for them."""
        pending = sum(target - charged[self.agreement.id, period.first] for period, target in self.rated)
        back = sum(
            max(0, target - given.get((self.agreement.id, *line), 0)) for line, target in self.given.items()
        )
        return _Accrued(
            pending, self.as_of, self.estimated_wh, self.first_day_cost_minor, self.reserves, back
        )


@dataclass(frozen=True, slots=True)
class _OpenPeriod:
    energy: PeriodEnergy
    asked: PeriodSoFar
    closed: bool
    """Whether the last of its billed days is closed."""

    def rating(self, so_far: SoFar) -> Rating:
        """Return what the period costs up to a day, with what the days that are not charged yet have so far."""
        return so_far.rate(self.asked, self.energy.billed_value, closed=self.closed)


@dataclass(frozen=True, slots=True)
class _OpenPeriods:
    """The current period of an agreement and those before it that may still be charged, up to the data watermark."""

    agreement: Agreement
    periods: tuple[_OpenPeriod, ...]
    as_of: datetime
    estimated_wh: int
    first_day: _OpenPeriod | None
    """The first day, while nothing but it is known."""

    @property
    def asked(self) -> list[PeriodSoFar]:
        """What is to be read for their targets."""
        return [one.asked for one in (*self.periods, *([self.first_day] if self.first_day else []))]


def _open_periods(
    agreement: Agreement,
    rows: Sequence[PeriodEnergy],
    books: _Stored,
    rated_to_end: Mapping[_Key, tuple[date, str]],
) -> _OpenPeriods:
    """Return the periods whose targets are to be calculated, from their energies `rows`.

    A period that was rated to its end, from this energy and on the terms in force, has been charged its target.
    """
    days = days_of(agreement)
    as_of = max(row.watermark_at for row in rows)
    through = max(last_day(as_of), books.closed_through or date.min) + ONE_DAY
    periods = []
    for row in rows:
        period = period_of(agreement, row.period)
        done = rated_to_end.get((agreement.id, period.first))
        if done and period.end <= through and done == _rating_of(agreement, period):
            continue
        if days.intersection(Period(period.first, min(period.end, through))).days:
            asked = PeriodSoFar(agreement, period, rating_basis.basis_for(agreement, period), through)
            closed = _is_closed(period.intersection(days), books.closed_through)
            periods.append(_OpenPeriod(row, asked, closed))
    first_day = None if books.closed_through else _first_day(agreement, rows[-1], as_of)
    estimated_wh = sum(row.estimated_billed_value for row in rows)
    return _OpenPeriods(agreement, tuple(periods), as_of, estimated_wh, first_day)


def _open(it: _OpenPeriods, so_far: SoFar) -> _Open:
    """Return the targets of open periods. A closed day is charged in full, also where not all of its data have come."""
    reserves: list[Reserve] = []
    given: dict[tuple[date, str], int] = {}
    rated = []
    for one in it.periods:
        period, rating = one.asked.period, one.rating(so_far)
        rated.append((period, rating.target.total_minor))
        given |= {
            (period.first, name): -minor
            for claims in rating.target.claims.values()
            for name, minor in claims.items()
        }
        lines = () if one.closed else rating.reserve
        if lines:
            titles = tuple((line.title, line.amount_minor) for line in lines)
            reserves.append(Reserve(rating.basis.billed.end - ONE_DAY, titles))
    cost = None if it.first_day is None else _first_day_cost(it.first_day, it.as_of, so_far)
    return _Open(it.agreement, tuple(rated), it.as_of, it.estimated_wh, cost, tuple(reserves), given)


def _is_closed(billed: Period, closed_through: date | None) -> bool:
    """Return whether the last of some billed days is closed. One that has begun, or waits for its close, is not."""
    return closed_through is not None and closed_through + ONE_DAY >= billed.end


class ChargesSoFar(NamedTuple):
    """What a billing period costs up to the data watermark, line by line."""

    rated: RatedPeriod
    as_of: datetime
    """The watermark (UTC)."""


def charges_so_far(agreement: Agreement, now: datetime) -> ChargesSoFar | None:
    """Return what the current billing period of an agreement costs up to the data watermark, line by line.

    None before its first reading, once the last day of an ended agreement is closed, and where its tariff needs no more
    than the billed energy or volume. Raises UnknownTariffError.
    """
    with tariffs.cached_versions():
        basis = rating_basis.basis_for(agreement, current_period(agreement, now))
        if not basis.goes_beyond_billed:
            return None
        with connection.cursor() as cursor:
            cursor.execute("SELECT closed_through FROM billing_close WHERE agreement_id = %s", [agreement.id])
            (closed_through,) = cursor.fetchone() or (None,)
        rows = open_days.accrued_by_rows([(agreement, closed_through)], now).get(agreement.id)
        if not rows:
            return None
        period = period_of(agreement, rows[-1].period)
        as_of = max(row.watermark_at for row in rows)
        through = last_day(as_of) + ONE_DAY
        closed = _is_closed(period.intersection(days_of(agreement)), closed_through)
        if closed and agreement.has_ended(now):
            return None
        asked = PeriodSoFar(agreement, period, rating_basis.basis_for(agreement, period), through)
        return ChargesSoFar(
            _OpenPeriod(rows[-1], asked, closed).rating(open_days.read([asked])).target, as_of
        )


def _rating_of(agreement: Agreement, period: Period) -> tuple[date, str]:
    """Return the end of a period's billed days, and the fingerprint of the terms that rate them."""
    basis = rating_basis.basis_for(agreement, period)
    return basis.billed.end, basis.fingerprint


def _first_day(agreement: Agreement, used: PeriodEnergy, as_of: datetime) -> _OpenPeriod | None:
    """Return the first day with its energy so far; None before an hour of it is known, and after the day."""
    if agreement.charged_from is None or not FIRST_DAY_MINIMUM <= as_of - agreement.charged_from <= ONE_DAY:
        return None
    first = local_day(agreement.charged_from, local_zone())
    period = period_of(agreement, first)
    asked = PeriodSoFar(agreement, period, rating_basis.basis_for(agreement, period), first + ONE_DAY)
    return _OpenPeriod(used, asked, closed=False)


def _first_day_cost(day: _OpenPeriod, as_of: datetime, so_far: SoFar) -> Fraction:
    """Return the cost of a whole day at the first day's pace: charges per day in full, energy scaled up."""
    charged_from = day.asked.agreement.charged_from
    assert charged_from is not None, "a first day has begun"
    elapsed = as_of - charged_from
    measured = so_far.measured_of(day.asked)
    paced = replace(
        measured,
        uses=tuple(
            replace(use, values={name: _paced(name, value, elapsed) for name, value in use.values.items()})
            for use in measured.uses
        ),
    )
    energy_wh = day.energy.billed_value * ONE_DAY // elapsed
    rating = targets.rate_on(
        day.asked.basis, day.asked.through, energy_wh, lambda _day: 0, paced, closed=False
    )
    return Fraction(rating.target.total_minor)


def _paced(name: str, value: int, elapsed: timedelta) -> int:
    """Return what a whole day has at the pace of `elapsed`; a maximum stays what it is."""
    return value * ONE_DAY // elapsed if adds_up(name) else value


def _given(open_: Sequence[_Open]) -> dict[tuple[int, date, str], int]:
    """Return what the engine has charged on lines that others pay, in minor units, by agreement, period and line."""
    if not open_:
        return {}
    asked = [(one.agreement.id, *line) for one in open_ for line in one.given]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.agreement_id, asked.first, asked.line, -sum(e.amount_minor)::bigint "
            "FROM unnest(%s::bigint[], %s::date[], %s::text[]) AS asked (agreement_id, first, line) "
            "JOIN books.entry e ON e.origin = 'engine' AND e.agreement_id = asked.agreement_id "
            "AND e.period_start = asked.first AND e.line = asked.line GROUP BY 1, 2, 3",
            [list(column) for column in zip(*asked, strict=True)],
        )
        return {(agreement_id, first, line): minor for agreement_id, first, line, minor in cursor.fetchall()}


def _balance(books: _Stored, accrued: _Accrued, used: Sequence[PeriodEnergy], now: datetime) -> Balance:
    not_counted = [
        (datetime.fromtimestamp(at, UTC), at_close, back)
        for at, at_close, back in json.loads(books.not_counted or "[]")
    ]
    today = local_day(now, local_zone())
    balance_minor = books.balance_minor - accrued.pending_minor
    cost = books.daily_cost_minor or accrued.first_day_cost_minor
    if cost:
        cost += books.instalment_minor
    return Balance(
        balance_minor=balance_minor,
        ledger_minor=books.balance_minor,
        pending_minor=accrued.pending_minor,
        credits_minor=books.credits_minor,
        as_of=accrued.as_of,
        estimated_wh=accrued.estimated_wh,
        estimated_share=_estimated_share(used),
        days_left=_days_left(balance_minor, cost),
        daily_cost_minor=round(cost) if cost and round(cost) > 0 else None,
        provisional_minor=books.provisional_minor or 0,
        currency=books.currency,
        last_seq=books.last_seq,
        latest_watermark_at=used[-1].watermark_at if used else None,
        latest_energy_wh=used[-1].billed_value if used else None,
        reserves=accrued.reserves,
        at_close=tuple((at, minor) for at, minor, _ in not_counted if minor),
        clawed_back_minor=accrued.clawed_back_minor
        + sum(back for at, _, back in not_counted if local_day(at, local_zone()) == today),
    )


def _estimated_share(rows: Sequence[PeriodEnergy]) -> Fraction:
    energy_wh = sum(row.scaled(row.block_value) for row in rows)
    estimated_wh = sum(row.estimated_billed_value for row in rows)
    return min(Fraction(estimated_wh, energy_wh), Fraction(1)) if energy_wh > 0 else Fraction(0)


def _days_left(balance_minor: int, daily_cost_minor: Fraction | None) -> Fraction | None:
    """Return the balance over a day's cost, at least 0; None where the cost is unknown."""
    if not daily_cost_minor or daily_cost_minor <= 0:
        return None
    return max(balance_minor / daily_cost_minor, Fraction(0))
