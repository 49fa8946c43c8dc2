"""Differences between the amounts due for periods and the amounts posted, each with the evidence it was calculated
from.

The daily close (`close`) and the correction of ended agreements (`ended_agreements`) post them; docs/money.md has the
formula.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import accumulate
from types import MappingProxyType
from typing import Self

from django.db import connection

from urja.apps.billing import (
    common_shares,
    day_money,
    look_back,
    posting as billing,
    queries,
    unit_banks,
    usage,
)
from urja.apps.billing.common_shares import CommonShares, NamedShares
from urja.apps.billing.evidence import Evidence
from urja.apps.billing.kinds import RefusalCause
from urja.apps.billing.unit_banks import StoredUnits, UnitBanks
from urja.apps.billing.usage import Basis, Rating
from urja.apps.books import posting as books
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import EarlierDemand, NamedRow, earlier_demands, newest_named
from urja.apps.readings.accrual import PeriodEnergy
from urja.apps.readings.queries import missing_final_reads
from urja.apps.readings.queries.missing_final_reads import FINAL_READ_MISSING
from urja.apps.rulebook.errors import UnknownTariffError
from urja.base.ids import number_in_bucket
from urja.base.untyped_values import JsonObject
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.rating import (
    Calculation,
    Measured,
    RatedLine,
    RatingError,
    RatingInputs,
    price_change_days,
    rate_accounts,
)
from urja.pipeline import common_areas, determined_rows, posting_evidence


def end_of(agreement: Agreement, day: date) -> datetime:
    """The end of an agreement's day: midnight, or the agreement's end during the day."""
    night = midnight(day + ONE_DAY, usage.zone())
    return night if agreement.valid_to is None else min(night, agreement.valid_to)


UNMETERED = """
NOT EXISTS (SELECT FROM assets.device_period p WHERE p.service_point_id = a.service_point_id AND p.role = 1
    AND p.in_service_at IS NOT NULL AND greatest(p.valid_from, p.in_service_at) < {at}
    AND coalesce(p.valid_to, 'infinity') > a.valid_from
    AND (coalesce(p.valid_to, 'infinity') >= {at} OR {unread}))
""".replace("{unread}", FINAL_READ_MISSING)
"""SQL condition: an agreement `a` has no billing meter at an instant, and the final reads of all removed meters are
known.

Then no read of the agreement's end is to come.
"""


def closes_of(
    members: Sequence[Agreement],
    day: date,
    known: Mapping[int, PeriodEnergy],
    now: datetime,
    cutoff: timedelta,
) -> dict[int, billing.Close]:
    """The closes of a day at `now` for each agreement, with the energy of its period to the day's end."""
    final = {agreement.id for agreement in members if _is_final(known.get(agreement.id))}
    late = [a for a in members if a.id not in final and now >= end_of(a, day) + cutoff]
    # Without a register read at the end of an agreement, the intervals up to it give the same energy.
    final |= {a.id for a in late if _is_last(a, day) and _is_all(known.get(a.id))}
    final |= _unmetered([a for a in late if a.id not in final], day)
    # The energy of meters before the last one is owed too, so their final reads must be known as well.
    final -= missing_final_reads.agreements_held(
        [a.id for a in members if a.id in final and _is_last(a, day)]
    )
    return {
        a.id: billing.Close(a.id, day, a.id not in final, a.valid_to if _is_last(a, day) else None)
        for a in members
    }


def _is_last(agreement: Agreement, day: date) -> bool:
    return day + ONE_DAY == usage.days_of(agreement).end


def _is_final(energy: PeriodEnergy | None) -> bool:
    """Return whether the register was read exactly at the end of the time, or later."""
    return energy is not None and energy.anchor_at >= energy.closes_at


def _is_all(energy: PeriodEnergy | None) -> bool:
    return energy is not None and energy.watermark_at >= energy.closes_at


def _unmetered(members: Sequence[Agreement], day: date) -> set[int]:
    """Ids of agreements whose energy to the end of the day is fully known, because no meter is installed there any
    more.
    """
    if not members:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id FROM unnest(%s::bigint[], %s::timestamptz[]) AS given (id, at) "  # noqa: S608 - a constant
            f"JOIN contracts.agreement a ON a.id = given.id WHERE {UNMETERED.format(at='given.at')}",
            [[a.id for a in members], [end_of(a, day) for a in members]],
        )
        return {id_ for (id_,) in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class PeriodBill:
    """What an agreement's period comes to, with what it was calculated from."""

    rating: Rating
    evidence: Evidence
    determinants: Mapping[str, int]
    """Determinants of the charged days by name; empty where there are none."""
    refused_minor: int = 0
    """What of it is not charged because of the look-back limit."""


@dataclass(slots=True)
class ChargeDifferences:
    """Differences to be posted, and the inputs from which the periods are then rated."""

    drafts: list[books.Draft] = field(default_factory=list)
    rated: list[billing.Rated] = field(default_factory=list)
    units: list[StoredUnits] = field(default_factory=list)
    """What the periods add to the ledger of units."""
    bills: dict[int, PeriodBill] = field(default_factory=dict)
    """By agreement; of several periods the last one's."""
    refused: list[look_back.Refusal] = field(default_factory=list)
    """Charges that the look-back limit refuses."""
    held: dict[int, str] = field(default_factory=dict)
    """Agreements that wait for determinants, a load or a tariff: why, and what to do; empty where readings have just come."""
    by_arrays: int = 0
    """How many periods were rated over arrays, with accounts of the same tariff."""
    by_engine: int = 0
    """How many were rated one by one."""

    def __iadd__(self, other: "ChargeDifferences") -> Self:
        self.drafts += other.drafts
        self.rated += other.rated
        self.units += other.units
        self.bills |= other.bills
        self.refused += other.refused
        self.held |= other.held
        self.by_arrays += other.by_arrays
        self.by_engine += other.by_engine
        return self

    def without(self, agreement_ids: Collection[int]) -> "ChargeDifferences":
        """Return the differences of other agreements than these, with all that are held."""
        return ChargeDifferences(
            [draft for draft in self.drafts if draft.agreement_id not in agreement_ids],
            [rated for rated in self.rated if rated.agreement_id not in agreement_ids],
            [units for units in self.units if units.agreement_id not in agreement_ids],
            {id_: bill for id_, bill in self.bills.items() if id_ not in agreement_ids},
            [refusal for refusal in self.refused if refusal.agreement.id not in agreement_ids],
            self.held,
            self.by_arrays,
            self.by_engine,
        )

    def record(self, now: datetime) -> None:
        """Store what the periods were rated from, their units and what was refused, in the transaction that posts the
        drafts.
        """
        billing.record_rated(self.rated)
        unit_banks.record(self.units, now)
        look_back.record(self.refused, now)


def period_differences(
    members: Sequence[Agreement],
    period: Period,
    day: date,
    known: dict[int, PeriodEnergy],
    now: datetime,
    banks: UnitBanks,
    key_suffix: str = "",
    causes: Mapping[int, RefusalCause] = MappingProxyType({}),
    *,
    one_bill: bool = False,
) -> ChargeDifferences:
    """The differences of a period at `now`, to be posted on `day`, which may be after the period. Amounts in minor units.

    What they add to the ledger of units is in `banks` afterwards, so that the next period opens with it. A period that began
    before the look-back limit is charged nothing more: what it would be charged is refused, for the cause that `causes` names
    by agreement. A day has one close; a caller that posts on it more than once gives each time another `key_suffix`. Entries
    say so where they are posted with the statement of the period (`one_bill`).
    """
    settled = ChargeDifferences()
    limits = look_back.limits(members, now, period)
    refused = look_back.refused_before(list(limits), period.first) if limits else set()
    ids = [agreement.id for agreement in members]
    posted = queries.posted_lines(ids, period.first)
    proof = _PostingEvidence.gather([known[id_] for id_ in ids if id_ in known])
    bases = {agreement.id: usage.basis_for(agreement, period) for agreement in members}
    through = {id_: basis.charged_through(day + ONE_DAY) for id_, basis in bases.items()}
    earlier = _whole_calculations(members, posted)
    rows = determined_rows.stored_rows(
        [(a, through[a.id] - ONE_DAY) for a in members if a.id in known and bases[a.id].billed.days],
        period,
        now,
    )
    demands = _earlier_demands(
        [id_ for id_, basis in bases.items() if basis.ratchets and through[id_] == basis.billed.end]
    )
    asked: list[tuple[Agreement, int, NamedRow | None, RatingInputs]] = []
    common: dict[int, tuple[NamedShares, ...]] = {}
    for agreement in members:
        basis, row = bases[agreement.id], rows.get(agreement.id)
        energy_wh = known[agreement.id].billed_value if agreement.id in known else 0
        measured = Measured()
        if basis.needs and basis.billed.days and agreement.id in known:
            closed = through[agreement.id] == basis.billed.end
            if (why := _why_held(agreement, basis, row, energy_wh, closed=closed)) is not None:
                settled.held[agreement.id] = why
                continue
            assert row is not None
            measured = determined_rows.measured_of(
                agreement, basis, through[agreement.id], row, demands.get(agreement.id, ())
            )
        elif row is not None and _readings_came(agreement, period, through[agreement.id], row, energy_wh):
            settled.held[agreement.id] = ""
            continue
        if basis.money and basis.billed.days:
            elapsed = Period(basis.billed.first, through[agreement.id])
            cuts = basis.changes_before(through[agreement.id])
            uses = day_money.with_money(measured.uses, agreement.account_id, basis.money, elapsed, cuts)
            measured = replace(measured, uses=uses)
        if basis.commons and basis.billed.days:
            elapsed = Period(basis.billed.first, through[agreement.id])
            days = basis.shared_days(through[agreement.id])
            shares = common_shares.shares_of(agreement, basis.commons, days)
            if shares.lacking:
                settled.held[agreement.id] = _why_unshared(agreement, basis, shares, now)
                continue
            uses = shares.added_to(measured.uses, elapsed, basis.changes_before(through[agreement.id]))
            measured = replace(measured, uses=uses)
            common[agreement.id] = shares.named
        if basis.net_metered:
            measured = replace(
                measured,
                bank_wh=banks.opening_wh(agreement.id, period.first),
                ends=basis.billed.end == usage.days_of(agreement).end,
            )
        energy_at = usage.energy_at(agreement.id, period)
        try:
            inputs = usage.rating_inputs(basis, through[agreement.id], energy_wh, energy_at, measured)
        except RatingError as error:
            settled.held[agreement.id] = _held_back(agreement, error)
            continue
        asked.append((agreement, energy_wh, row, inputs))
    # The bill of a statement shows its parts.
    rated = rate_accounts([inputs for *_, inputs in asked], parts=one_bill)
    settled.by_arrays = rated.by_arrays
    settled.by_engine = len(asked) - rated.by_arrays
    for (agreement, energy_wh, row, inputs), target in zip(asked, rated.results, strict=True):
        if isinstance(target, RatingError):
            settled.held[agreement.id] = _held_back(agreement, target)
            continue
        rating = Rating(target, bases[agreement.id], inputs.uses, inputs.measured)
        named = (row.version, row.sha256) if row and determined_rows.billed_value(row) == energy_wh else None
        evidence = proof.evidence(
            rating.calculation, known.get(agreement.id), named, common.get(agreement.id, ())
        )
        settled.bills[agreement.id] = PeriodBill(rating, evidence, row.values if row else {})
        builder = _DraftBuilder(
            agreement,
            period,
            day,
            key_suffix,
            rating,
            evidence,
            earlier.get(agreement.id),
            _at_close(agreement, period, rating),
            one_bill=one_bill,
        )
        lines = {line.name: line for line in rating.target.lines}
        before = posted.get(agreement.id, {})
        differences: dict[str, int] = {}
        # The target is calculated for the whole period and the posted sum is taken off: a slab that is crossed, a
        # late interval and a tariff for past days are all this one subtraction (docs/money.md).
        for name in [*lines, *(name for name in before if name not in lines)]:
            last = before.get(name)
            target_minor = lines[name].amount_minor if name in lines else 0
            difference = target_minor - (last.charged_minor if last else 0)
            # A run without a difference posts nothing, so that closing a day twice is safe.
            if difference:
                differences[name] = difference
        limit = limits.get(agreement.id)
        # The sum decides: of two lines that change together the one in the consumer's favour does not stand alone.
        if limit is not None and sum(differences.values()) > 0:
            cause = causes.get(agreement.id, RefusalCause.LATE_CLOSE)
            refusal = look_back.Refusal(agreement, period.first, day, limit, cause, differences)
            settled.refused.append(refusal)
            bill = settled.bills[agreement.id]
            settled.bills[agreement.id] = replace(bill, refused_minor=refusal.amount_minor)
        else:
            for name, difference in differences.items():
                builder.add(name, lines.get(name), difference, before.get(name))
            if limit is not None and agreement.id in refused:
                cause = causes.get(agreement.id, RefusalCause.LATE_CLOSE)
                settled.refused.append(look_back.Refusal(agreement, period.first, day, limit, cause, {}))
        settled.drafts += builder.drafts
        settled.units += banks.go_on(
            agreement.id, period.first, rating.target, ends=rating.measured.ends, determinants=named
        )
        settled.rated.append(
            billing.Rated(
                agreement.id,
                period.first,
                period.end,
                (rating.target.billed.first, rating.target.billed.end),
                rating.target.through,
                tuple((use.days.first, use.days.end, use.energy_wh) for use in rating.uses),
                rating.basis.fingerprint,
                tuple((use.days.first, use.days.end, use.values) for use in rating.measured.uses),
                rating.measured.past_demands,
            )
        )
    return settled


def _held_back(agreement: Agreement, error: RatingError) -> str:
    """Return why an account waits: what one meter sends, or one agreement lacks, holds back no account that is closed with it."""
    return f"account {agreement.account_id} is held back: {error}"


def _whole_calculations(
    members: Sequence[Agreement], posted: Mapping[int, Mapping[str, queries.LinePosted]]
) -> dict[int, tuple[int, JsonObject]]:
    """Return the last calculation of each agreement's period that names no earlier one, with its entry's number."""
    seqs = {
        agreement_id: max((line.whole_seq for line in lines.values() if line.whole_seq), default=0)
        for agreement_id, lines in posted.items()
    }
    entries = {a.id: (a.account_id, seqs[a.id]) for a in members if seqs.get(a.id)}
    found = queries.calculations(list(entries.values()))
    return {agreement_id: (entry[1], found[entry]) for agreement_id, entry in entries.items()}


def _readings_came(
    agreement: Agreement, period: Period, through: date, row: NamedRow, energy_wh: int
) -> bool:
    """Return whether readings came in after the energy was queried and before the determinants: the next run charges both.

    Determinants that differ for another reason do not hold the charge back: it names none, and the law `evidence` says so.
    """
    billed = determined_rows.billed_value(row)
    if billed in (None, energy_wh):
        return False
    again = usage.energies([agreement.id], period, through).get(agreement.id)
    return again is not None and again.billed_value == billed


def _at_close(agreement: Agreement, period: Period, rating: Rating) -> dict[str, int]:
    """Return what of each line's difference is due because the period is closed, in minor units."""
    if not rating.basis.settles_at_close:
        return {}
    found = rating.settled_at_close()
    for name, posted_minor in queries.settled_at_close(agreement.id, period.first).items():
        found[name] = found.get(name, 0) - posted_minor
    return found


def _why_held(
    agreement: Agreement, basis: Basis, row: NamedRow | None, energy_wh: int, *, closed: bool
) -> str | None:
    """Return why an agreement waits for determinants; empty where readings have come since its energy was queried.

    Only a period that closes needs a maximum demand.
    """
    codes = ", ".join(dict.fromkeys(each.versions[0].code for each in basis.terms))
    held = f"account {agreement.account_id} is held back: tariff {codes} needs"
    if row is None:
        return f"{held} determinants, and agreement {agreement.id} has none; the stage `determine` says why"
    if len(basis.calendars) > 1:
        # Its row has zones of one calendar alone, under numbers that the other one has too.
        return (
            f"{held} zones of the calendars {', '.join(basis.calendars)} in one billing period; let the new tariff begin "
            f"on the first day of a period (terms of agreement {agreement.id})"
        )
    if determined_rows.billed_value(row) != energy_wh:
        return ""
    demands = [names for tariff in basis.versions for names in tariff.recorded_demands] if closed else []
    lacking = sorted(basis.sums - row.values.keys())
    lacking += dict.fromkeys(" or ".join(names) for names in demands if row.values.keys().isdisjoint(names))
    if lacking:
        return (
            f"{held} {', '.join(lacking)}, which is not known from {basis.billed.first} on: no meter of agreement "
            f"{agreement.id} counts it on these days; install one that does, or correct the terms of the agreement"
        )
    return None


def _why_unshared(agreement: Agreement, basis: Basis, shares: CommonShares, now: datetime) -> str:
    """Return why an agreement waits for its share of common areas; empty where the last readings of a day may still come."""
    codes = ", ".join(dict.fromkeys(each.versions[0].code for each in basis.terms))
    held = f"account {agreement.account_id} is held back: tariff {codes} needs a share of"
    quantity, day = shares.lacking[0]
    if day is None:
        return (
            f"{held} {quantity}, and agreement {agreement.id} is in no premise with a common area; connect one (new_connection, "
            "purpose common_area), or correct the terms of the agreement"
        )
    if now < midnight(day + ONE_DAY, usage.zone()) + common_areas.AWAITED:
        return ""
    return (
        f"{held} {quantity}, which is not known of {day}: no meter of its common areas counts it; install one that does, or "
        f"correct the terms of agreement {agreement.id}"
    )


def banks_of(members: Sequence[Agreement], day: date) -> UnitBanks:
    """Return the banks of units of agreements, as far back as the close of a day corrects periods."""
    return UnitBanks.of([agreement.id for agreement in members], usage.oldest_corrected(day))


def corrections(
    members: Sequence[Agreement], day: date, now: datetime, banks: UnitBanks
) -> ChargeDifferences:
    """Differences of periods before that of `day` whose inputs have changed since they were rated."""
    by_id = {agreement.id: agreement for agreement in members}
    earlier = [
        (by_id[rated.agreement_id], rated) for rated in _rated(by_id, day, now) if rated.through <= day
    ]
    return _changed_period_differences(earlier, day, now, banks, before_its_period=True)


def corrections_after_the_end(
    members: Sequence[Agreement], day: date, now: datetime, key_suffix: str
) -> ChargeDifferences:
    """Differences of all periods of ended agreements, including days that are no longer theirs."""
    by_id = {agreement.id: agreement for agreement in members}
    return _changed_period_differences(
        [(by_id[rated.agreement_id], rated) for rated in _rated(by_id, day, now)],
        day,
        now,
        banks_of(members, day),
        key_suffix,
    )


def _changed_period_differences(
    known: Sequence[tuple[Agreement, billing.Rated]],
    day: date,
    now: datetime,
    banks: UnitBanks,
    key_suffix: str = "",
    *,
    before_its_period: bool = False,
) -> ChargeDifferences:
    """Settle again the periods whose energy, prices, terms, days or opening bank have changed since they were rated.

    With `before_its_period` not the period of `day`. An agreement with a period that is held, or cannot be rated, has no
    differences in any: what a period leaves in the bank, the next one takes on.
    """
    settled = ChargeDifferences()
    asked: dict[Period, list[tuple[Agreement, bool]]] = {}
    causes: dict[tuple[Period, int], RefusalCause] = {}
    found: list[tuple[Agreement, billing.Rated, Period, Basis]] = []
    for agreement, rated in known:
        try:
            period = usage.period_of(agreement, rated.period_start)
            if not (before_its_period and day in period):
                found.append((agreement, rated, period, usage.basis_for(agreement, period)))
        except UnknownTariffError as error:
            # Of days long past: an account's other days, and other accounts, do not wait for them.
            settled.held.setdefault(agreement.id, usage.held_back(agreement, error))
    found = [one for one in found if one[0].id not in settled.held]
    ids, periods = [agreement.id for agreement, *_ in found], [period for *_, period, _ in found]
    energies_wh = _energies_wh(ids, periods)
    cuts_wh = _cuts_wh(ids, periods, [basis for *_, basis in found])
    demands = _earlier_demands([agreement.id for agreement, *_, basis in found if basis.ratchets])
    shared = _shared_otherwise(found)
    for agreement, rated, period, basis in found:
        energy_wh = energies_wh.get(
            (agreement.id, period.first), rated.billed_value if basis.billed.days else 0
        )
        as_rated = (rated.billed_value, rated.versions, rated.billed)
        as_known = (energy_wh, basis.fingerprint, (basis.billed.first, basis.billed.end))
        # The part of the same energy that lies before a change of price may have changed.
        before_wh = accumulate(use_wh for _, _, use_wh in rated.uses)
        cut = {day: wh for (_, day, _), wh in zip(rated.uses, before_wh, strict=True) if day < rated.through}
        # Compared with the stored inputs, not with the amounts: an unchanged period is not rated again at all.
        changed = (
            as_rated != as_known
            or cut != cuts_wh.get((agreement.id, period.first), {})
            or _measured_otherwise(basis, rated, demands.get(agreement.id, ()))
            or (agreement.id, rated.period_start) in shared
        )
        asked.setdefault(period, []).append((agreement, changed))
        causes[period, agreement.id] = _cause(as_rated, as_known)
    for period, members in sorted(asked.items()):
        # Whether its bank opens otherwise is known once the periods before it are settled.
        group = [one for one, changed in members if changed or not banks.follows(one.id, period.first)]
        if group:
            energies = usage.energies([agreement.id for agreement in group], period, period.end)
            why = {agreement.id: causes[period, agreement.id] for agreement in group}
            settled += period_differences(group, period, day, energies, now, banks, key_suffix, why)
    banks.take_back(settled.held)
    return settled.without(settled.held)


type _Inputs = tuple[int, str, tuple[date, date]]
"""What a period is rated from: its energy, the fingerprint of its terms, its billed days."""


def _cause(as_rated: _Inputs, as_known: _Inputs) -> RefusalCause:
    """Return what has changed of a period; where several inputs have, the days come first, then the prices."""
    if as_rated[2] != as_known[2]:
        return RefusalCause.DAYS
    return RefusalCause.PRICES if as_rated[1] != as_known[1] else RefusalCause.READINGS


def _earlier_demands(agreement_ids: Sequence[int]) -> dict[int, list[EarlierDemand]]:
    return earlier_demands(agreement_ids, usage.zone()) if agreement_ids else {}


def _measured_otherwise(basis: Basis, rated: billing.Rated, earlier: Iterable[EarlierDemand]) -> bool:
    """Return whether the newest determinants of a period's charged days are not those that it was rated by.

    Nor are those of earlier periods, where ratchets go by them.
    """
    if not basis.needs:
        return False
    rows = newest_named([rated.agreement_id], rated.period_start, rated.through - ONE_DAY)
    row = rows.get(rated.agreement_id)
    return row is not None and (
        any(rated.measured_totals.get(name) != row.values.get(name) for name in basis.needs)
        or (rated.through == rated.billed[1] and rated.past_demands != basis.past_demands(earlier))
    )


def _shared_otherwise(
    known: Sequence[tuple[Agreement, billing.Rated, Period, Basis]],
) -> set[tuple[int, date]]:
    """Return the agreements and periods whose newest shares of common areas are not those that charged days were rated by."""
    sharing = [(agreement, rated, basis) for agreement, rated, _, basis in known if basis.commons]
    if not sharing:
        return set()
    sums = common_shares.sums_of(
        [(agreement, basis.commons, basis.shared_days(rated.through)) for agreement, rated, basis in sharing]
    )
    return {
        (agreement.id, rated.period_start)
        for (agreement, rated, _), own in zip(sharing, sums, strict=True)
        if own is not None and any(rated.measured_totals.get(name) != wh for name, wh in own.items())
    }


def _energies_wh(agreement_ids: Sequence[int], periods: Sequence[Period]) -> dict[tuple[int, date], int]:
    """Energy in Wh of each agreement in its period as known now: calendar months as accrued, other periods from the
    rows.
    """
    found = usage.accrued_wh(agreement_ids)
    others: dict[Period, list[int]] = {}
    for agreement_id, period in zip(agreement_ids, periods, strict=True):
        if not usage.is_month(period):
            others.setdefault(period, []).append(agreement_id)
    for period, ids in others.items():
        known = usage.energies(ids, period, period.end)
        found |= {(id_, period.first): known[id_].billed_value if id_ in known else 0 for id_ in ids}
    return found


def _cuts_wh(
    agreement_ids: Sequence[int], periods: Sequence[Period], bases: Sequence[Basis]
) -> dict[tuple[int, date], dict[date, int]]:
    """Energy in Wh of each agreement up to the days in its period on which a price changes, from the rows."""
    asked: dict[tuple[Period, date], list[int]] = {}
    for agreement_id, period, basis in zip(agreement_ids, periods, bases, strict=True):
        for day in price_change_days(basis.terms, basis.billed) if basis.billed.days else ():
            asked.setdefault((period, day), []).append(agreement_id)
    found: dict[tuple[int, date], dict[date, int]] = {}
    for (period, day), ids in asked.items():
        known = usage.energies(ids, period, day)
        for id_ in ids:
            found.setdefault((id_, period.first), {})[day] = known[id_].billed_value if id_ in known else 0
    return found


def _rated(members: Mapping[int, Agreement], day: date, now: datetime) -> list[billing.Rated]:
    """The inputs from which periods were rated, as far back as the corrections of each agreement go."""
    everybody = usage.oldest_corrected(day)
    rated = _rated_since(list(members), min(everybody, look_back.oldest_compared(day)))
    other = {each.agreement_id for each in rated if each.counted_from < everybody}
    limits = look_back.limits([members[id_] for id_ in other], now)
    return [
        each
        for each in rated
        if each.counted_from >= look_back.oldest_corrected(limits.get(each.agreement_id), day)
    ]


def _rated_since(agreement_ids: list[int], oldest: date) -> list[billing.Rated]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, period_start, period_end, billed_first, billed_end, through, uses, versions, measured, "  # noqa: S608 - a constant
            f"past_demands FROM billing.rated WHERE agreement_id = ANY(%s) AND {look_back.COUNTED_FROM} >= %s "
            "ORDER BY period_start",
            [agreement_ids, oldest],
        )
        return [
            billing.Rated(
                agreement_id,
                start,
                period_end,
                (first, end),
                through,
                tuple(
                    (date.fromisoformat(begin), date.fromisoformat(until), wh)
                    for begin, until, wh in json.loads(uses)
                ),
                versions,
                tuple(
                    (use.days.first, use.days.end, use.values)
                    for use in (usage.measured_from_json(measured) if measured else ())
                ),
                usage.past_demands_from_json(past) if past else (),
            )
            for agreement_id, start, period_end, first, end, through, uses, versions, measured, past in cursor.fetchall()
        ]


@dataclass(frozen=True, slots=True)
class _PostingEvidence:
    """Reads behind a group of differences."""

    reads: dict[posting_evidence.Point, JsonObject]
    meters: dict[int, list[JsonObject]]

    @classmethod
    def gather(cls, known: Sequence[PeriodEnergy]) -> "_PostingEvidence":
        points = [
            (energy.service_point_id, energy.device_id, instant)
            for energy in known
            for instant in (energy.opened_at, energy.anchor_at)
        ]
        return cls(posting_evidence.register_reads(points), posting_evidence.meter_energies(known))

    def evidence(
        self,
        calculation: Calculation,
        energy: PeriodEnergy | None,
        named: tuple[int, str] | None,
        common: tuple[NamedShares, ...],
    ) -> Evidence:
        """The evidence of all lines of one agreement's posting."""
        if energy is None:
            return Evidence(calculation, None, None, None, (), provisional=True, common=common)
        point = (energy.service_point_id, energy.device_id)
        return Evidence(
            calculation,
            named,
            self.reads.get((*point, energy.opened_at)),
            _closing(energy, self.reads.get((*point, energy.anchor_at))),
            self.meters.get(energy.agreement_id, ()),
            provisional=not _is_final(energy),
            common=common,
        )


def _closing(energy: PeriodEnergy, read: dict[str, object] | None) -> dict[str, object] | None:
    """The read that ends the posting's energy: as read, or extended by the intervals after it."""
    if read is None or not energy.block_value:
        return read
    return {
        **read,
        "read_at": energy.watermark_at,
        "register_wh": energy.anchor_value + energy.block_value,
        "kind": "blocks",
        "status": "estimated" if energy.estimated_value else "substituted",
    }


@dataclass(frozen=True, slots=True)
class _DraftBuilder:
    """Makes the entry drafts of one agreement; the first has the evidence of all."""

    agreement: Agreement
    period: Period
    day: date
    key_suffix: str
    rating: Rating
    evidence: Evidence
    earlier: tuple[int, JsonObject] | None
    """A calculation of the period that this one may name, with its entry's number."""
    at_close: Mapping[str, int]
    """What of each line's difference is due because the period is closed, in minor units."""
    one_bill: bool
    drafts: list[books.Draft] = field(default_factory=list)

    def add(
        self, name: str, line: RatedLine | None, charge_minor: int, last: queries.LinePosted | None
    ) -> None:
        """Add a draft that posts `charge_minor` on a line, which the tariff may have no more, after its last entry."""
        if line is None:
            assert last is not None, "a line that no version has was posted before"
            contra, title = queries.contra_and_title(self.agreement.account_id, last.seq)
        else:
            contra, title = f"{self._book(name)}:{name}", line.title
        inputs: JsonObject = {"title": title}
        if last is not None:
            inputs["before"] = last.seq
        inputs |= self._not_counted(name, charge_minor)
        if self.drafts:
            inputs["calculated_with"] = len(self.drafts)
        else:
            inputs["calculation"] = self.evidence.to_json(self.earlier)
        if self.one_bill:
            inputs["one_bill"] = True
        self.drafts.append(
            books.Draft(
                account_id=self.agreement.account_id,
                contra=contra,
                amount_minor=-charge_minor,
                origin="engine",
                line=name,
                accounting_month=self.day.replace(day=1),
                idempotency_key=self._key(name, last),
                inputs=inputs,
                agreement_id=self.agreement.id,
                period_start=self.period.first,
                service_date=self.day,
            )
        )

    def _not_counted(self, name: str, charge_minor: int) -> dict[str, int]:
        """Return what of a charge is no ground to disconnect for some time, in minor units; what is zero is left out.

        That is what settles at close, and what takes a subsidy back.
        """
        at_close = self.at_close.get(name, 0)
        claimed = any(name in lines for lines in self.rating.target.claims.values())
        back = max(0, charge_minor - at_close) if claimed else 0
        parts = {"at_close": at_close, "clawed_back": back}
        return {part: minor for part, minor in parts.items() if minor}

    def _key(self, name: str, last: queries.LinePosted | None) -> str:
        """The key of a line's entry: short, as it is stored twice with each. Keys are unique within a bucket; those of credits
        and debits begin with a word.

        Days are closed a second time where an end before them was settled and is undone: then it names the last entry too.
        """
        number = number_in_bucket(self.agreement.id)
        days = (self.day - self.period.first).days
        again = f":after:{last.seq}" if last is not None and last.through >= self.day else ""
        return f"{number}:{self.period.first:%y%m%d}:{name}:{days}{self.key_suffix}{again}"

    def _book(self, name: str) -> str:
        """The book of a line, as the newest version that has it says."""
        return next(
            line.book.value
            for tariff in reversed(self.rating.target.versions)
            for line in tariff.lines
            if line.name == name
        )
