"""The law of evidence: each charge that names its calculation is what that calculation comes to, when it is made again.

The tariff texts, the determinants and the entry before are those that the entry names, by their hashes and numbers. The rules
are those of the named version. Whether the rules are right is the second rater's question, whether entries were changed that of
their chain.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, Final, LiteralString, NamedTuple

from urja.core.calendar import ONE_DAY
from urja.core.rating import (
    Calculation,
    PastDemand,
    RatedPeriod,
    RatingError,
    RatingInputs,
    Tariff,
    inputs_of,
    parse_tariff,
    rate_accounts,
    with_shared,
)
from urja.core.rating.priced_quantities import is_own_part
from urja.laws import ratchets
from urja.laws.common_areas import unlike_their_days
from urja.laws.connections import Connection
from urja.quantities.catalogue import BILLED_REGISTERS, BY_ID

_NEW: Final = "inputs->'rows' IS NULL"
"""Entries of 0.1 have their whole arithmetic: the law `arithmetic` sums it."""
# What was proven of a period is summed without its inputs: they are most of an entry. Those that settled at close have an index.
_CHARGES: LiteralString = f"""
WITH proven AS (
    SELECT agreement_id, period_start, line, sum(amount_minor) AS amount_minor, max(seq) AS seq
    FROM books_entry WHERE bucket = %(bucket)s AND batch <= %(proven)s AND origin = 'engine'
        AND (agreement_id, period_start) IN (SELECT agreement_id, period_start FROM books_entry
            WHERE bucket = %(bucket)s AND batch > %(proven)s AND origin = 'engine')
    GROUP BY 1, 2, 3
), settled AS (
    SELECT agreement_id, period_start, line, sum((inputs->>'at_close')::bigint) AS at_close_minor
    FROM books_entry WHERE bucket = %(bucket)s AND batch <= %(proven)s AND origin = 'engine'
        AND account_id >= %(bucket)s::bigint << 40 AND account_id < (%(bucket)s::bigint + 1) << 40
        AND (inputs->'at_close' IS NOT NULL OR inputs->'clawed_back' IS NOT NULL)
    GROUP BY 1, 2, 3
)
SELECT * FROM (
    SELECT e.account_id, e.seq, e.batch, e.agreement_id, e.period_start, e.line, e.amount_minor, e.posted_at, e.inputs,
        -coalesce(p.amount_minor, 0) - sum(e.amount_minor) OVER w AS charged_minor, coalesce(lag(e.seq) OVER w, p.seq) AS before,
        coalesce(s.at_close_minor, 0) + coalesce(sum((e.inputs->>'at_close')::bigint) OVER w, 0) AS at_close_minor
    FROM books_entry e
    LEFT JOIN proven p USING (agreement_id, period_start, line) LEFT JOIN settled s USING (agreement_id, period_start, line)
    WHERE e.bucket = %(bucket)s AND e.batch > %(proven)s AND e.origin = 'engine'
    WINDOW w AS (PARTITION BY e.agreement_id, e.period_start, e.line ORDER BY e.seq)
) charge WHERE {_NEW} ORDER BY account_id, seq
"""
_WHOLE: LiteralString = """
SELECT e.account_id, e.seq, e.agreement_id, e.period_start, e.inputs -> 'calculation'
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[]) AS w (account_id, seq, agreement_id, period_start)
JOIN books_entry e USING (account_id, seq, agreement_id, period_start)
WHERE e.bucket = %s AND e.origin = 'engine' AND e.inputs->'calculation' IS NOT NULL
"""
_DETERMINANTS: LiteralString = """
SELECT r.agreement_id, r.period, r.as_of, r.version, r.sha256, s.quantities, r.values
FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::int[]) AS w (agreement_id, period, as_of, version)
JOIN determinants_row r USING (agreement_id, period, as_of, version)
JOIN determinants_channel_set s ON s.hash = r.channel_set
"""
_OTHER_PERIOD: LiteralString = """
SELECT FROM determinants_row WHERE agreement_id = %s AND as_of = %s AND period <> %s LIMIT 1
"""


_UNITS: LiteralString = """
SELECT DISTINCT ON (zone) zone, opening_wh, imported_wh, exported_wh, used_wh, settled_wh, closing_wh FROM billing_unit_bank
WHERE agreement_id = %s AND period_start = %s AND as_of <= %s AND recorded_at <= %s ORDER BY zone, version DESC
"""
"""The units of a period's banks up to the last day of an entry when it was posted: one run may close several days at once."""


_MONEY: Final[dict[str, LiteralString]] = {
    "recharge_minor": """
SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM books_entry e JOIN books_account c ON c.id = e.contra_id
WHERE e.bucket = %(bucket)s AND e.account_id = %(account)s AND c.code IN ('clearing:recharge', 'clearing:payment')
    AND e.service_date >= %(first)s AND e.service_date < %(end)s
""",
    "balance_minor": """
SELECT coalesce(sum(greatest(0, (SELECT e.balance_after_minor FROM books_entry e WHERE e.bucket = %(bucket)s
    AND e.account_id = %(account)s AND e.posted_at < (day + interval '1 day')::timestamp AT TIME ZONE %(zone)s
    ORDER BY e.seq DESC LIMIT 1))), 0)::bigint
FROM generate_series(%(first)s::timestamp, %(end)s::timestamp - interval '1 day', interval '1 day') AS day
""",
}
"""The money of an account on days, as the posted entries have it."""


_TOGETHER: Final = 1000
"""Charges that are in memory at a time."""
_FALSE: Final = (LookupError, TypeError, ValueError)
"""What an untrue calculation raises when it is read or made again."""

type _Entry = tuple[int, int]
"""Account and number of an entry."""
type _RowKey = tuple[int, date, date, int]
"""Agreement, first day of the period, last day and version of a row of determinants."""


class _Determined(NamedTuple):
    """A row of determinants: its hash in hexadecimal, and its values by name."""

    sha256: str
    values: dict[str, int]


class _Charge(NamedTuple):
    account_id: int
    seq: int
    batch: int
    agreement_id: int
    period_start: date
    line: str
    amount_minor: int
    posted_at: datetime
    inputs: Mapping[str, Any]
    charged_minor: int
    """On the line of the period, with this entry."""
    before: int | None
    """The entry before on the line of the period."""
    at_close_minor: int
    """What of the line is said to have settled at close, with this entry."""

    @property
    def name(self) -> str:
        return f"entry {self.seq} of account {self.account_id}"

    @property
    def posting(self) -> tuple[int, int, int, date]:
        return self.account_id, self.batch, self.agreement_id, self.period_start


def examine(connection: Connection, bucket: int, proven: int, zone: str | None = None) -> Iterator[str]:
    """Yield the charges of a bucket, posted after the batch `proven`, that their calculation does not come to.

    The balances of days, of which some are calculated, and the periods of ratchets are compared only with the utility's `zone`.
    """

    @cache
    def tariff_of(sha256: str) -> Tariff:
        found = connection.execute(
            "SELECT text FROM rulebook_tariff_version WHERE sha256 = %s", [sha256]
        ).fetchone()
        if found is None:
            raise RatingError(f"no tariff whose text has the SHA-256 {sha256} is stored")
        tariff = parse_tariff(found[0])
        if tariff.sha256 != sha256:
            raise RatingError(
                f"the text of tariff {tariff.code} {tariff.version} has another hash than {sha256}"
            )
        return tariff

    held: _Charge | None = None
    rated: RatedPeriod | None = None
    open_: dict[str, int] = {}
    # A server-side cursor: a plain one would load all charges of a bucket at once.
    with connection.transaction(), connection.cursor(name="charges") as cursor:
        cursor.execute(_CHARGES, {"bucket": bucket, "proven": proven})
        while charges := [_Charge(*row) for row in cursor.fetchmany(_TOGETHER)]:
            made = _calculations(connection, bucket, charges)
            rows = _rows_named(connection, charges, made)
            asked = _asked(made, tariff_of)
            results = _results(asked)
            for charge in charges:
                if "calculation" in charge.inputs:
                    held, rated = charge, None
                    key = charge.account_id, charge.seq
                    calculation, inputs = made[key], asked[key]
                    try:
                        if isinstance(calculation, Exception):
                            raise calculation
                        if isinstance(inputs, Exception):
                            raise inputs
                        if isinstance(found := results[key], Exception):
                            raise found
                        open_ = _amounts(found)
                        if any(line.at_close for version in found.versions for line in version.lines):
                            open_ = _amounts(inputs.rate(closed=False))
                        rated = found
                    except _FALSE as error:
                        yield f"{charge.name} names a calculation that cannot be made again: {error}"
                        continue
                    yield from _determinants(connection, charge, calculation, rows, tariff_of, zone)
                    yield from _units(connection, charge, rated)
                    if zone is not None:
                        yield from _common(connection, charge, calculation, tariff_of, zone)
                    yield from _money(connection, charge, calculation, zone)
                elif (
                    held is None
                    or held.posting != charge.posting
                    or charge.seq - held.seq != charge.inputs.get("calculated_with")
                ):
                    yield f"{charge.name} has no calculation"
                    continue
                if rated is not None:
                    yield from _amount(charge, rated, open_)
                if charge.inputs.get("before") != charge.before:
                    yield f"{charge.name} follows entry {charge.before} on its line, it names {charge.inputs.get('before')}"


def _amount(charge: _Charge, rated: RatedPeriod, open_: Mapping[str, int]) -> Iterator[str]:
    target = rated.amount(charge.line)
    if target != charge.charged_minor:
        yield (f"{charge.name} makes {charge.line} {charge.charged_minor}, its calculation comes to {target}")
    if charge.at_close_minor != target - open_.get(charge.line, 0):
        yield f"{charge.name} says that {charge.at_close_minor} of {charge.line} settled at close, its calculation does not"


def _calculations(
    connection: Connection, bucket: int, charges: Sequence[_Charge]
) -> dict[_Entry, Calculation | Exception]:
    """Return the calculations of charges by account and number, each with what it shares with an earlier entry.

    In place of one that cannot be read stands why.
    """
    stored = {
        (charge.account_id, charge.seq): (charge, charge.inputs["calculation"])
        for charge in charges
        if "calculation" in charge.inputs
    }
    shared = {
        key: (charge.account_id, calculation["like"], charge.agreement_id, charge.period_start)
        for key, (charge, calculation) in stored.items()
        if isinstance(calculation, dict) and isinstance(calculation.get("like"), int)
    }
    earlier: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    if shared:
        columns = [list(column) for column in zip(*set(shared.values()), strict=True)]
        for *key, calculation in connection.execute(_WHOLE, [*columns, bucket]):
            earlier[tuple(key)] = calculation
    found: dict[_Entry, Calculation | Exception] = {}
    for key, (charge, calculation) in stored.items():
        try:
            if "like" not in calculation:
                found[key] = Calculation.from_json(calculation)
            elif key in shared and (like := earlier.get(shared[key])) is not None:
                found[key] = Calculation.from_json(with_shared(calculation, like))
            else:
                raise LookupError(
                    f"entry {calculation['like']} of account {charge.account_id} has no calculation of the period"
                )
        except _FALSE as error:
            found[key] = error
    return found


def _asked(
    made: Mapping[_Entry, Calculation | Exception], tariff_of: Callable[[str], Tariff]
) -> dict[_Entry, RatingInputs | Exception]:
    """Return what calculations rate, by account and number. In place of one that names what is not there stands why."""
    asked: dict[_Entry, RatingInputs | Exception] = {}
    for key, calculation in made.items():
        try:
            asked[key] = (
                calculation if isinstance(calculation, Exception) else inputs_of(calculation, tariff_of)
            )
        except _FALSE as error:
            asked[key] = error
    return asked


def _results(asked: Mapping[_Entry, RatingInputs | Exception]) -> dict[_Entry, RatedPeriod | Exception]:
    """Return the charges of calculations, over arrays where these can rate them; or why there are none.

    The close uses the same arrays, so a fault of theirs would be on both sides: the first that they rate of each tariff is rated by
    the engine too.
    """
    inputs = {key: one for key, one in asked.items() if isinstance(one, RatingInputs)}
    try:
        rated = rate_accounts(list(inputs.values()))
    except _FALSE:
        # Of one that is no calculation at all. The engine says of which.
        return {key: _alone(one) for key, one in inputs.items()}
    found: dict[_Entry, RatedPeriod | Exception] = dict(zip(inputs, rated.results, strict=True))
    seen: set[str] = set()
    for number, (key, one) in enumerate(inputs.items()):
        # What arrays rate has one version.
        if number in rated.of_arrays and (sha256 := one.terms[0].versions[0].sha256) not in seen:
            seen.add(sha256)
            found[key] = _as_the_engine(found[key], _alone(one))
    return found


def _as_the_engine(
    by_arrays: RatedPeriod | Exception, by_engine: RatedPeriod | Exception
) -> RatedPeriod | Exception:
    """Return the engine's charges where arrays have the same amounts; else that they differ."""
    if isinstance(by_engine, Exception) or isinstance(by_arrays, Exception):
        return by_engine
    if _amounts(by_arrays) != _amounts(by_engine):
        return RatingError(f"arrays make it {_amounts(by_arrays)}, the engine {_amounts(by_engine)}")
    return by_engine


def _alone(inputs: RatingInputs) -> RatedPeriod | Exception:
    try:
        return inputs.rate()
    except _FALSE as error:
        return error


def _rows_named(
    connection: Connection,
    charges: Sequence[_Charge],
    made: Mapping[_Entry, Calculation | Exception],
) -> dict[_RowKey, _Determined]:
    """Return the rows of determinants that charges name: those of their days, and those of earlier maxima that they go by."""
    wanted: set[_RowKey] = set()
    for charge in charges:
        calculation = made.get((charge.account_id, charge.seq))
        if not isinstance(calculation, Calculation):
            continue
        if (named := charge.inputs["calculation"].get("determinants")) is not None:
            wanted.add((charge.agreement_id, charge.period_start, calculation.through - ONE_DAY, named[0]))
        wanted |= {_past_key(charge, past) for past in calculation.past_demands}
    if not wanted:
        return {}
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return {
        (agreement_id, period, as_of, version): _Determined(
            bytes(sha256).hex(),
            {BY_ID[number].name: value for number, value in zip(quantities, values, strict=True)},
        )
        for agreement_id, period, as_of, version, sha256, quantities, values in connection.execute(
            _DETERMINANTS, columns
        )
    }


def _past_key(charge: _Charge, past: PastDemand) -> _RowKey:
    return charge.agreement_id, past.period.first, past.period.end - ONE_DAY, past.row_version


def _common(
    connection: Connection,
    charge: _Charge,
    calculation: Calculation,
    tariff_of: Callable[[str], Tariff],
    zone: str,
) -> Iterator[str]:
    terms = [(each.first, [tariff_of(sha256) for sha256 in each.versions]) for each in calculation.terms]
    given = calculation.billed, calculation.through, calculation.measured_totals
    named = charge.inputs["calculation"].get("common", [])
    for wrong in unlike_their_days(
        connection, charge.agreement_id, given, terms, named, charge.posted_at, zone
    ):
        yield f"{charge.name} {wrong}"


def _units(connection: Connection, charge: _Charge, rated: RatedPeriod) -> Iterator[str]:
    if not rated.bank:
        return
    given = [charge.agreement_id, charge.period_start, rated.through - ONE_DAY, charge.posted_at]
    stored = {zone: tuple(units) for zone, *units in connection.execute(_UNITS, given)}
    for row in rated.bank:
        units = (
            row.opening_wh, row.imported_wh, row.exported_wh, row.used_wh, row.settled_wh, row.closing_wh
        )  # fmt: skip
        if stored.get(row.zone) != units:
            yield f"{charge.name} was calculated from the bank {row.zone} with {units}, stored is {stored.get(row.zone)}"


def _money(
    connection: Connection, charge: _Charge, calculation: Calculation, zone: str | None
) -> Iterator[str]:
    for use in calculation.measured:
        for name, value in use.values.items():
            if name not in _MONEY or (name == "balance_minor" and zone is None):
                continue
            given = {
                "account": charge.account_id, "bucket": charge.account_id >> 40, "zone": zone,
                "first": use.days.first, "end": use.days.end,
            }  # fmt: skip
            (posted,) = connection.execute(_MONEY[name], given).fetchone() or (None,)
            if posted != value:
                yield f"{charge.name} was calculated from {value} of {name} from {use.days.first}, the account has {posted}"


def _amounts(rated: RatedPeriod) -> dict[str, int]:
    return {line.name: line.amount_minor for line in rated.lines}


def _determinants(
    connection: Connection,
    charge: _Charge,
    calculation: Calculation,
    rows: Mapping[_RowKey, _Determined],
    tariff_of: Callable[[str], Tariff],
    zone: str | None,
) -> Iterator[str]:
    named = charge.inputs["calculation"].get("determinants")
    as_of = calculation.through - ONE_DAY
    if named is None:
        # Without energy there may be no meter. A period whose calendar begins later has no row, nor has a day that a
        # change of tariff has put into another period.
        calendars = any(tariff_of(sha256).calendar for sha256 in calculation.tariffs)
        elsewhere = connection.execute(_OTHER_PERIOD, [charge.agreement_id, as_of, charge.period_start])
        if calculation.energy_wh and not calendars and elsewhere.fetchone() is None:
            yield f"{charge.name} was calculated from {calculation.energy_wh}, and names no determinants"
        return
    version, sha256 = named
    found = rows.get((charge.agreement_id, charge.period_start, as_of, version))
    if found is None or found.sha256 != sha256:
        yield f"{charge.name} names determinants to {as_of}, version {version}, that are not stored"
        return
    values = found.values
    billed = next((values[name] for name in BILLED_REGISTERS.values() if name in values), None)
    if billed != calculation.energy_wh:
        yield f"{charge.name} was calculated from {calculation.energy_wh}, its determinants have {billed}"
    if zone is not None:
        given = charge.agreement_id, charge.posted_at, calculation
        for fault in ratchets.left_out(connection, *given, tariff_of, zone):
            yield f"{charge.name} {fault}"
    for past in calculation.past_demands:
        row = rows.get(_past_key(charge, past))
        power = None if row is None else row.values.get(past.name)
        if row is None or row.sha256 != past.row_sha256 or power != past.power:
            yield f"{charge.name} was calculated from {past.power} of {past.name} of {past.period.first}, its row has {power}"
    for name, value in calculation.measured_totals.items():
        if name not in _MONEY and not is_own_part(name) and values.get(name) != value:
            yield f"{charge.name} was calculated from {value} of {name}, its determinants have {values.get(name)}"
