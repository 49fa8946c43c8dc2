"""Differences between the amounts due for periods and the amounts posted, each with the evidence it was calculated
from.

The daily close (`close`) and the correction of ended agreements (`ended_agreements`) post them; docs/money.md has the
formula.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Self

from django.db import connection

from urja.apps.billing import (
    common_shares,
    day_money,
    look_back,
    posting as billing,
    queries,
    rating_basis,
    targets,
    unit_banks,
    usage,
)
from urja.apps.billing.agreement_periods import days_of
from urja.apps.billing.common_shares import CommonShares, NamedShares
from urja.apps.billing.evidence import Evidence
from urja.apps.billing.kinds import RefusalCause
from urja.apps.billing.rating_basis import Basis
from urja.apps.billing.targets import Rating
from urja.apps.billing.unit_banks import StoredUnits, UnitBanks
from urja.apps.books import posting as books
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import EarlierDemand, NamedRow, earlier_demands
from urja.apps.local_zone import local_zone
from urja.apps.readings.accrual import PeriodEnergy
from urja.apps.readings.queries import missing_final_reads
from urja.apps.readings.queries.missing_final_reads import FINAL_READ_MISSING
from urja.base.untyped_values import JsonObject
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.rating import (
    Measured,
    RatedPeriod,
    RatingError,
    RatingInputs,
    rate_accounts,
)
from urja.pipeline import common_areas, determined_rows
from urja.pipeline.charge_drafts import DraftBuilder, PostingEvidence


def end_of(agreement: Agreement, day: date) -> datetime:
    """The end of an agreement's day: midnight, or the agreement's end during the day."""
    night = midnight(day + ONE_DAY, local_zone())
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
    final = {id_ for id_, energy in known.items() if energy.is_final}
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
    return day + ONE_DAY == days_of(agreement).end


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
    proof = PostingEvidence.gather([known[id_] for id_ in ids if id_ in known])
    earlier = _whole_calculations(members, posted)
    ratable, settled.held = _ratable_periods(members, period, day, known, now, banks)
    # The bill of a statement shows its parts.
    rated = rate_accounts([one.inputs for one in ratable], parts=one_bill)
    settled.by_arrays = rated.by_arrays
    settled.by_engine = len(ratable) - rated.by_arrays
    for one, target in zip(ratable, rated.results, strict=True):
        agreement = one.agreement
        if isinstance(target, RatingError):
            settled.held[agreement.id] = _held_back(agreement, target)
            continue
        rating = Rating(target, one.basis, one.inputs.uses, one.inputs.measured)
        evidence = proof.evidence(rating.calculation, known.get(agreement.id), one.named_row, one.shares)
        bill = PeriodBill(rating, evidence, one.row.values if one.row else {})
        builder = DraftBuilder(
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
        before = posted.get(agreement.id, {})
        differences = _line_differences(target, before)
        limit = limits.get(agreement.id)
        cause = causes.get(agreement.id, RefusalCause.LATE_CLOSE)
        # The sum decides: of two lines that change together the one in the consumer's favour does not stand alone.
        if limit is not None and sum(differences.values()) > 0:
            refusal = look_back.Refusal(agreement, period.first, day, limit, cause, differences)
            settled.refused.append(refusal)
            bill = replace(bill, refused_minor=refusal.amount_minor)
        else:
            lines = {line.name: line for line in target.lines}
            for name, difference in differences.items():
                builder.add(name, lines.get(name), difference, before.get(name))
            if limit is not None and agreement.id in refused:
                settled.refused.append(look_back.Refusal(agreement, period.first, day, limit, cause, {}))
        settled.bills[agreement.id] = bill
        settled.drafts += builder.drafts
        settled.units += banks.go_on(
            agreement.id, period.first, target, ends=rating.measured.ends, determinants=one.named_row
        )
        settled.rated.append(_as_rated(agreement.id, period, rating))
    return settled


@dataclass(frozen=True, slots=True)
class _RatablePeriod:
    """The period of one agreement, with all that it is rated from."""

    agreement: Agreement
    basis: Basis
    energy_wh: int
    row: NamedRow | None
    """The determinants of its charged days, where it has any."""
    shares: tuple[NamedShares, ...]
    """Its shares of common areas."""
    inputs: RatingInputs

    @property
    def named_row(self) -> tuple[int, str] | None:
        """Version and hash of the determinants, where they are of the energy that is charged."""
        row = self.row
        if row is None or determined_rows.billed_value(row) != self.energy_wh:
            return None
        return row.version, row.sha256


class _WaitsError(Exception):
    """An agreement waits: why, and what to do; empty where readings have just come."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _ratable_periods(
    members: Sequence[Agreement],
    period: Period,
    day: date,
    known: Mapping[int, PeriodEnergy],
    now: datetime,
    banks: UnitBanks,
) -> tuple[list[_RatablePeriod], dict[int, str]]:
    """Return the agreements whose period can be rated up to a day, and why each of the others waits."""
    bases = {agreement.id: rating_basis.basis_for(agreement, period) for agreement in members}
    through = {id_: basis.charged_through(day + ONE_DAY) for id_, basis in bases.items()}
    rows = determined_rows.stored_rows(
        [(a, through[a.id] - ONE_DAY) for a in members if a.id in known and bases[a.id].billed.days],
        period,
        now,
    )
    demands = earlier_demands(
        [id_ for id_, basis in bases.items() if basis.ratchets and through[id_] == basis.billed.end],
        local_zone(),
    )
    ratable: list[_RatablePeriod] = []
    held: dict[int, str] = {}
    for agreement in members:
        basis, until, row = bases[agreement.id], through[agreement.id], rows.get(agreement.id)
        energy_wh = known[agreement.id].billed_value if agreement.id in known else 0
        try:
            measured = _measured(
                agreement,
                basis,
                period,
                until,
                row,
                energy_wh,
                demands.get(agreement.id, ()),
                is_read=agreement.id in known,
            )
            measured, shares = _with_shares(agreement, basis, until, measured, now)
        except _WaitsError as error:
            held[agreement.id] = error.why
            continue
        if basis.net_metered:
            measured = replace(
                measured,
                bank_wh=banks.opening_wh(agreement.id, period.first),
                ends=basis.billed.end == days_of(agreement).end,
            )
        energy_at = usage.energy_at(agreement.id, period)
        try:
            inputs = targets.rating_inputs(basis, until, energy_wh, energy_at, measured)
        except RatingError as error:
            held[agreement.id] = _held_back(agreement, error)
            continue
        ratable.append(_RatablePeriod(agreement, basis, energy_wh, row, shares, inputs))
    return ratable, held


def _measured(
    agreement: Agreement,
    basis: Basis,
    period: Period,
    through: date,
    row: NamedRow | None,
    energy_wh: int,
    earlier: Iterable[EarlierDemand],
    *,
    is_read: bool,
) -> Measured:
    """Return the determinants and the money of days that a period is rated by. Raises _WaitsError."""
    measured = Measured()
    if basis.needs and basis.billed.days and is_read:
        closed = through == basis.billed.end
        if (why := _why_held(agreement, basis, row, energy_wh, closed=closed)) is not None:
            raise _WaitsError(why)
        assert row is not None
        measured = determined_rows.measured_of(agreement, basis, through, row, earlier)
    elif row is not None and _readings_came(agreement, period, through, row, energy_wh):
        raise _WaitsError("")
    if basis.money and basis.billed.days:
        elapsed, cuts = Period(basis.billed.first, through), basis.changes_before(through)
        uses = day_money.with_money(measured.uses, agreement.account_id, basis.money, elapsed, cuts)
        measured = replace(measured, uses=uses)
    return measured


def _with_shares(
    agreement: Agreement, basis: Basis, through: date, measured: Measured, now: datetime
) -> tuple[Measured, tuple[NamedShares, ...]]:
    """Return what a period is rated by with its shares of common areas, and these by their days. Raises _WaitsError."""
    if not (basis.commons and basis.billed.days):
        return measured, ()
    shares = common_shares.shares_of(agreement, basis.commons, basis.shared_days(through))
    if shares.lacking:
        raise _WaitsError(_why_unshared(agreement, basis, shares, now))
    elapsed = Period(basis.billed.first, through)
    uses = shares.added_to(measured.uses, elapsed, basis.changes_before(through))
    return replace(measured, uses=uses), shares.named


def _line_differences(target: RatedPeriod, posted: Mapping[str, queries.LinePosted]) -> dict[str, int]:
    """Return what each line comes to more or less than was posted on it, in minor units; lines without a difference are left out.

    The target is of the whole period and the posted sum is taken off: a slab that is crossed, a late interval and a
    tariff for past days are all this one subtraction (docs/money.md). So closing a day twice posts nothing.
    """
    due = {line.name: line.amount_minor for line in target.lines}
    # Lines that the tariff has no more are taken back whole.
    due |= {name: 0 for name in posted if name not in due}
    found = {
        name: minor - (posted[name].charged_minor if name in posted else 0) for name, minor in due.items()
    }
    return {name: difference for name, difference in found.items() if difference}


def _as_rated(agreement_id: int, period: Period, rating: Rating) -> billing.Rated:
    """Return the inputs of a rated period as they are stored with it."""
    target, measured = rating.target, rating.measured
    return billing.Rated(
        agreement_id,
        period.first,
        period.end,
        (target.billed.first, target.billed.end),
        target.through,
        tuple((use.days.first, use.days.end, use.energy_wh) for use in rating.uses),
        rating.basis.fingerprint,
        tuple((use.days.first, use.days.end, use.values) for use in measured.uses),
        measured.past_demands,
    )


def _held_back(agreement: Agreement, error: RatingError) -> str:
    """Return why an account waits: what one meter sends, or one agreement lacks, holds back no account that is closed with it."""
    return f"account {agreement.account_id} is held back: {error}"


def _whole_calculations(
    members: Sequence[Agreement], posted: Mapping[int, Mapping[str, queries.LinePosted]]
) -> dict[int, tuple[int, JsonObject]]:
    """Return the last calculation of each agreement's period that names no earlier one, with its entry's number."""
    last = {
        (a.account_id, max(line.seq for line in posted[a.id].values())): a.id
        for a in members
        if a.id in posted
    }
    found = queries.whole_calculations(list(last))
    return {last[entry]: calculation for entry, calculation in found.items()}


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
    if now < midnight(day + ONE_DAY, local_zone()) + common_areas.AWAITED:
        return ""
    return (
        f"{held} {quantity}, which is not known of {day}: no meter of its common areas counts it; install one that does, or "
        f"correct the terms of agreement {agreement.id}"
    )


def banks_of(members: Sequence[Agreement], day: date) -> UnitBanks:
    """Return the banks of units of agreements, as far back as the close of a day corrects periods."""
    return UnitBanks.of([agreement.id for agreement in members], look_back.oldest_corrected(day))
