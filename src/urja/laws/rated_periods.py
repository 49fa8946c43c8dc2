"""The laws of rated periods: each was charged what the second rater says, and its units of energy are conserved.

What a period was rated from is read from `billing_rated`, without the first rater's code.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Final

from urja.laws import units
from urja.laws.connections import Connection, streamed
from urja.laws.look_back import refused_lines
from urja.laws.second_rater import charges

_CHARGED_SINCE: Final = """
SELECT DISTINCT agreement_id FROM books_entry WHERE bucket = %(bucket)s AND batch > %(proven)s AND origin = 'engine'
"""


_RATED: Final = f"""
SELECT agreement_id, period_start, billed_first, billed_end, through, uses, versions, measured, past_demands FROM billing_rated
WHERE agreement_id >= %(bucket)s::bigint << 40 AND agreement_id < (%(bucket)s::bigint + 1) << 40
    AND (%(proven)s = 0 OR agreement_id IN ({_CHARGED_SINCE})) ORDER BY 1, 2
"""  # noqa: S608 - a constant


def charges_differing(connection: Connection, bucket: int, proven: int) -> Iterator[str]:
    """Yield the rated periods of a bucket that were charged something else than the second rater says: all, or where a part
    is proven, those of agreements charged since.
    """
    given = {"bucket": bucket, "proven": proven}
    refused = refused_lines(connection, bucket)
    with connection.transaction():
        # Both in the order of agreement and period.
        both: Iterator[tuple[tuple[int, date], RatedPeriod | dict[str, int]]] = merge(
            (((period.agreement_id, period.start), period) for period in rated_periods(connection, given)),
            _charged(connection, given),
            key=itemgetter(0),
        )
        for (agreement_id, start), group in groupby(both, key=itemgetter(0)):
            period, posted = None, dict[str, int]()
            for _, found in group:
                if isinstance(found, RatedPeriod):
                    period = found
                else:
                    posted = found
            if period is None:
                yield f"agreement {agreement_id} from {start} was charged {posted} and never rated"
                continue
            expected = charges(
                period.terms,
                period.first,
                period.end,
                period.through,
                uses=period.uses,
                by_day_from=period.by_day_from,
                measured=period.measured,
                bank={number: row.opening_wh for number, row in period.banks.items()},
                ends=any(row.ends for row in period.banks.values()),
                facts=period.facts,
                past_demands=period.past_demands,
            )
            expected = {line: amount for line, amount in expected.items() if amount}
            kept = Counter(refused.get((agreement_id, start), {}))
            kept.update(posted)
            posted = {line: amount for line, amount in kept.items() if amount}
            if posted != expected:
                yield (
                    f"agreement {agreement_id} from {start} was charged or refused {posted}, "
                    f"the second rater says {expected}"
                )


def _charged(
    connection: Connection, given: Mapping[str, int]
) -> Iterator[tuple[tuple[int, date], dict[str, int]]]:
    """Yield what was charged for each period in minor units by line, as `rated_periods` those of a bucket.

    In a transaction of the caller.
    """
    with connection.cursor(name="charged") as cursor:
        cursor.execute(
            "SELECT agreement_id, period_start, line, -sum(amount_minor)::bigint FROM books_entry "  # noqa: S608 - constants of the code
            "WHERE bucket = %(bucket)s AND origin = 'engine' "
            f"AND (%(proven)s = 0 OR agreement_id IN ({_CHARGED_SINCE})) "
            "GROUP BY 1, 2, 3 HAVING sum(amount_minor) <> 0 ORDER BY 1, 2, 3",
            given,
        )
        for period, rows in groupby(cursor, key=itemgetter(0, 1)):
            yield period, {line: total for _, _, line, total in rows}


@dataclass(frozen=True, slots=True)
class RatedPeriod:
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
    banks: Mapping[int, units.Row]
    """The newest row of each bank of the period, by the bank's number: its opening, and whether the agreement ends."""


def units_differing(connection: Connection, bucket: int, _proven: int) -> Iterator[str]:
    """Yield the banks of a bucket's rated periods whose units are not what the second rater says."""
    # All of them, not only what came since: the ledger of units is not in the signed log.
    with connection.transaction():
        for period in rated_periods(connection, {"bucket": bucket, "proven": 0}):
            yield from units.conserved(
                (period.agreement_id, period.start),
                period.terms,
                (period.first, period.end, period.through),
                period.measured,
                period.banks,
            )


def rated_periods(connection: Connection, given: Mapping[str, int]) -> Iterator[RatedPeriod]:
    """Yield the rated periods of a bucket: all, or where a part is proven, those of agreements charged since.

    In a transaction of the caller.
    """
    texts: dict[str, list[tuple[str, str]]] = {}
    for code, version, sha256, text in connection.execute(
        "SELECT code, version, sha256, text FROM rulebook_tariff_version ORDER BY valid_from, id"
    ):
        texts.setdefault(code, []).append((f"{version}:{sha256[:16]}", text))
    # Both in the order of agreement and period, and of one its banks first.
    both = merge(
        ((period, banks, None) for period, banks in units.newest(connection, given["bucket"])),
        ((row[:2], {}, row[2:]) for row in streamed(connection, _RATED, given)),
        key=itemgetter(0),
    )
    for (agreement_id, start), group in groupby(both, key=itemgetter(0)):
        banks: Mapping[int, units.Row] = {}
        for _, of_period, row in group:
            if row is None:
                banks = of_period
                continue
            first, end, through, uses, versions, measured, past = row
            yield RatedPeriod(
                agreement_id,
                start,
                first,
                end,
                through,
                uses=[(date.fromisoformat(a), date.fromisoformat(b), wh) for a, b, wh in uses],
                terms=[
                    (
                        since,
                        [text for name, text in texts[code] if name in named],
                        int(load.partition(",")[0]),
                    )
                    for since, code, load, named in terms_of(versions)
                ],
                facts=[(since, _loads_of(load)) for since, _, load, _ in terms_of(versions)],
                by_day_from=first_day_charged(versions, first),
                measured=[
                    (date.fromisoformat(a), date.fromisoformat(b), values) for a, b, values in measured or ()
                ],
                past_demands=[
                    (date.fromisoformat(end), name, power) for _, end, name, power, *_ in past or ()
                ],
                banks=banks,
            )


def terms_of(rated: str) -> Iterator[tuple[date, str, str, list[str]]]:
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


def first_day_charged(rated: str, first: date) -> date:
    prefix = _by_day(rated)
    return date.fromisoformat(prefix[len("by day from ") : -2]) if prefix else first
