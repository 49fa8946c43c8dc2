"""Net metering: a ledger of units beside money. Export is set off against import, and the remainder is banked.

Pure: an opening bank and the determinants of a period in, the remaining import and the closing bank out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from urja.core.calendar import ONE_DAY, Period
from urja.core.rating.inputs_and_results import BankRow, QuantityUse, RatingError, RatingTerms
from urja.core.rating.tariff import NetMetering, Tariff

NETTED = "netted_import_wh"


def bank_row(zone: int, opening_wh: int, imported_wh: int, exported_wh: int, *, settles: bool) -> BankRow:
    """Return a period's units in Wh: import takes from the bank and from export as far as they reach.

    Where it `settles`, what remains is paid and the bank begins again with nothing.
    """
    used = max(0, min(imported_wh, opening_wh + exported_wh))
    remains = opening_wh + exported_wh - used
    settled = remains if settles else 0
    return BankRow(zone, opening_wh, imported_wh, exported_wh, used, settled, remains - settled)


def with_netted(
    uses: Sequence[QuantityUse],
    terms: Sequence[RatingTerms],
    opening_wh: Mapping[int, int],
    billed: Period,
    *,
    ends: bool = False,
) -> tuple[tuple[QuantityUse, ...], tuple[BankRow, ...]]:
    """Return determinants with the import that net metering leaves, in Wh, and the rows of the banks.

    Days count on which a tariff with net metering is in force. What a day adds is the difference of what the period
    leaves with it and without it; so it may be negative, and days sum to the period. Rows settle in the settlement month, and,
    where the document says so, if the agreement `ends`. Raises RatingError where import or export of such a day is not known, or banks change from zones to all times.
    """
    if not any(tariff.net_metering for each in terms for tariff in each.versions):
        return tuple(uses), ()
    found: list[QuantityUse] = []
    totals: dict[int, tuple[int, int]] = {}
    names: dict[int, str] = {}
    rules: NetMetering | None = None
    for use in sorted(uses, key=lambda one: one.days):
        tariff = _in_force(terms, use.days.first)
        if tariff.net_metering is None:
            found.append(use)
            continue
        rules = tariff.net_metering
        suffixes = tariff.banks
        if names and set(names) != set(suffixes):
            raise RatingError(
                f"the banks of units change on {use.days.first}: begin the tariff with a new period"
            )
        names = suffixes
        netted: dict[str, int] = {}
        for zone, suffix in suffixes.items():
            before = totals.get(zone, (0, 0))
            now = (
                before[0] + _value(use, f"import_wh{suffix}"),
                before[1] + _value(use, f"export_wh{suffix}"),
            )
            totals[zone] = now
            left = [
                bank_row(zone, opening_wh.get(zone, 0), *total, settles=False).left_wh
                for total in (before, now)
            ]
            netted[f"{NETTED}{suffix}"] = left[1] - left[0]
        netted[NETTED] = sum(netted.values())
        found.append(replace(use, values={**use.values, **netted}))
    if not totals and billed.days and (rules := _in_force(terms, billed.end - ONE_DAY).net_metering):
        # Nothing was measured: what was banked before is still to be settled, or taken on.
        totals = dict.fromkeys(_in_force(terms, billed.end - ONE_DAY).banks, (0, 0))
    settles = rules is not None and (
        (billed.end - ONE_DAY).month == rules.settlement_month or (ends and rules.settles_at_end)
    )
    rows = tuple(
        bank_row(zone, opening_wh.get(zone, 0), *total, settles=settles) for zone, total in totals.items()
    )
    return tuple(found), rows


def _value(use: QuantityUse, name: str) -> int:
    value = use.values.get(name)
    if value is None:
        raise RatingError(
            f"{name} of {use.days.first} to {use.days.end} is not known, and net metering needs it"
        )
    return value


def _in_force(terms: Sequence[RatingTerms], day: date) -> Tariff:
    begun = [each for each in terms if each.first <= day]
    versions = [tariff for tariff in begun[-1].versions if tariff.valid_from <= day] if begun else []
    if not versions:
        raise RatingError(f"no version of the tariff is in force on {day}")
    # Of two versions with the same date the later in the list applies: it is the correction.
    return max(reversed(versions), key=lambda tariff: tariff.valid_from)
