"""Differences between the amounts due for periods and the amounts posted, each with the evidence it was calculated
from.

The daily close (`close`) and the correction of ended agreements (`ended_agreements`) post them; docs/money.md has the
formula.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection

from urja.apps.billing import posting as billing, queries, usage
from urja.apps.billing.usage import Basis, Rating
from urja.apps.books import posting as books
from urja.apps.contracts.kinds import Agreement
from urja.apps.readings.accrual import PeriodEnergy
from urja.apps.readings.queries import missing_final_reads
from urja.apps.readings.queries.missing_final_reads import FINAL_READ_MISSING
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.rating import RatedLine, price_change_days, rated_state, rows_between
from urja.core.rating.tariff import ContraKind
from urja.pipeline import posting_evidence


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


@dataclass(slots=True)
class ChargeDifferences:
    """Differences to be posted, and the inputs from which the periods are then rated."""

    drafts: list[books.Draft] = field(default_factory=list)
    rated: list[billing.Rated] = field(default_factory=list)


def period_differences(
    members: Sequence[Agreement],
    period: Period,
    day: date,
    known: dict[int, PeriodEnergy],
    key_suffix: str = "",
) -> ChargeDifferences:
    """The differences of a period, to be posted on `day`, which may be after the period. Amounts in minor units.

    A day has one close; a caller that posts on it more than once gives each time another `key_suffix`.
    """
    settled = ChargeDifferences()
    ids = [agreement.id for agreement in members]
    charged = queries.charged_by_line(ids, period.first)
    last = queries.last_inputs(ids, period.first)
    proof = _PostingEvidence.gather([known[id_] for id_ in ids if id_ in known], day)
    for agreement in members:
        energy = known.get(agreement.id)
        rating = usage.rate(
            agreement,
            period,
            min(day + ONE_DAY, period.end),
            energy.energy_wh if energy else 0,
            usage.energy_at(agreement.id, period),
        )
        shown = _DraftBuilder(agreement, period, day, key_suffix, rating, proof.inputs(agreement, energy))
        lines = {line.name: line for line in rating.target.lines}
        before = charged.get(agreement.id, {})
        # The target is calculated for the whole period and the posted sum is taken off: a slab that is crossed, a
        # late interval and a tariff for past days are all this one subtraction (docs/money.md).
        for name in [*lines, *(name for name in before if name not in lines)]:
            inputs = last.get((agreement.id, name), {})
            # A tariff version may have dropped the line: then its whole amount is reversed.
            line = lines.get(name) or RatedLine(name, inputs.get("title", name), 0, ())
            difference = line.amount_minor - before.get(name, 0)
            # A run without a difference posts nothing, so that closing a day twice is safe.
            if difference:
                settled.drafts.append(shown.draft(line, difference, inputs))
        settled.rated.append(
            billing.Rated(
                agreement.id,
                period.first,
                (rating.target.billed.first, rating.target.billed.end),
                rating.target.through,
                tuple((use.days.first, use.days.end, use.energy_wh) for use in rating.uses),
                rating.basis.fingerprint,
            )
        )
    return settled


def corrections(members: Sequence[Agreement], day: date) -> ChargeDifferences:
    """Differences of periods before that of `day` whose inputs have changed since they were rated."""
    by_id = {agreement.id: agreement for agreement in members}
    earlier = [
        (by_id[rated.agreement_id], rated)
        for rated in _rated(list(by_id), day)
        if rated.through <= day and day not in usage.period_of(by_id[rated.agreement_id], rated.period_start)
    ]
    return changed_period_differences(earlier, day)


def corrections_after_the_end(members: Sequence[Agreement], day: date, key_suffix: str) -> ChargeDifferences:
    """Differences of all periods of ended agreements, including days that are no longer theirs."""
    by_id = {agreement.id: agreement for agreement in members}
    return changed_period_differences(
        [(by_id[rated.agreement_id], rated) for rated in _rated(list(by_id), day)], day, key_suffix
    )


def changed_period_differences(
    known: Sequence[tuple[Agreement, billing.Rated]], day: date, key_suffix: str = ""
) -> ChargeDifferences:
    """Settle again the periods whose energy, prices, terms or days have changed since they were rated."""
    settled = ChargeDifferences()
    changed: dict[Period, list[Agreement]] = {}
    periods = [usage.period_of(agreement, rated.period_start) for agreement, rated in known]
    bases = [
        usage.basis_for(agreement, period) for (agreement, _), period in zip(known, periods, strict=True)
    ]
    energies_wh = _energies_wh([agreement.id for agreement, _ in known], periods)
    cuts_wh = _cuts_wh([agreement.id for agreement, _ in known], periods, bases)
    for (agreement, rated), period, basis in zip(known, periods, bases, strict=True):
        energy_wh = energies_wh.get((agreement.id, period.first), rated.energy_wh if basis.billed.days else 0)
        as_rated = (rated.energy_wh, rated.versions, rated.billed)
        now = (energy_wh, basis.fingerprint, (basis.billed.first, basis.billed.end))
        # The part of the same energy that lies before a change of price may have changed.
        before_wh = accumulate(use_wh for _, _, use_wh in rated.uses)
        cut = {day: wh for (_, day, _), wh in zip(rated.uses, before_wh, strict=True) if day < rated.through}
        # Compared with the stored inputs, not with the amounts: an unchanged period is not rated again at all.
        if as_rated != now or cut != cuts_wh.get((agreement.id, period.first), {}):
            changed.setdefault(period, []).append(agreement)
    for period, group in sorted(changed.items()):
        energies = usage.energies([agreement.id for agreement in group], period, period.end)
        one = period_differences(group, period, day, energies, key_suffix)
        settled.drafts += one.drafts
        settled.rated += one.rated
    return settled


def _energies_wh(agreement_ids: Sequence[int], periods: Sequence[Period]) -> dict[tuple[int, date], int]:
    """Energy in Wh of each agreement in its period as known now: calendar months as accrued, other periods from the
    rows.
    """
    found = usage.accrued_wh(agreement_ids)
    others: dict[Period, list[int]] = {}
    for agreement_id, period in zip(agreement_ids, periods, strict=True):
        if period.first.day != 1:
            others.setdefault(period, []).append(agreement_id)
    for period, ids in others.items():
        known = usage.energies(ids, period, period.end)
        found |= {(id_, period.first): known[id_].energy_wh if id_ in known else 0 for id_ in ids}
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
            found.setdefault((id_, period.first), {})[day] = known[id_].energy_wh if id_ in known else 0
    return found


def _rated(agreement_ids: list[int], day: date) -> list[billing.Rated]:
    """The inputs from which periods were rated, as far back as corrections go."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, period_start, billed_first, billed_end, through, uses, versions "
            "FROM billing.rated WHERE agreement_id = ANY(%s) AND period_start >= %s",
            [agreement_ids, usage.oldest_corrected(day)],
        )
        return [
            billing.Rated(
                agreement_id,
                start,
                (first, end),
                through,
                tuple(
                    (date.fromisoformat(begin), date.fromisoformat(until), wh)
                    for begin, until, wh in json.loads(uses)
                ),
                versions,
            )
            for agreement_id, start, first, end, through, uses, versions in cursor.fetchall()
        ]


@dataclass(frozen=True, slots=True)
class _PostingEvidence:
    """Reads and intervals behind a group of differences."""

    reads: dict[posting_evidence.Point, dict[str, Any]]
    blocks: dict[int, posting_evidence.Blocks]
    meters: dict[int, list[dict[str, Any]]]

    @classmethod
    def gather(cls, known: Sequence[PeriodEnergy], day: date) -> "_PostingEvidence":
        points = [
            (energy.service_point_id, energy.device_id, instant)
            for energy in known
            for instant in (energy.opened_at, energy.anchor_at)
        ]
        return cls(
            posting_evidence.register_reads(points),
            posting_evidence.blocks(known, midnight(day, usage.zone())),
            posting_evidence.meter_energies(known),
        )

    def inputs(self, agreement: Agreement, energy: PeriodEnergy | None) -> dict[str, Any]:
        """The inputs common to all lines of one agreement's posting."""
        if energy is None:
            return {"energy_wh": 0, "blocks_wh": 0, "residual_wh": 0, "provisional": True, "correlations": []}
        blocks = self.blocks.get(agreement.id, posting_evidence.NO_BLOCKS)
        point = (energy.service_point_id, energy.device_id)
        opening = self.reads.get((*point, energy.opened_at))
        closing = self.reads.get((*point, energy.anchor_at))
        correlations = {read["correlation"] for read in (opening, closing) if read} | set(blocks.correlations)
        return {
            "opening": opening,
            "closing": _closing(energy, closing),
            "energy_wh": energy.energy_wh,
            "blocks_wh": blocks.energy_wh,
            "residual_wh": energy.energy_wh - blocks.energy_wh,
            "estimated_wh": energy.estimated_energy_wh,
            "meters": self.meters.get(agreement.id, []),
            "provisional": not _is_final(energy),
            "correlations": sorted(correlations - {0}),
        }


def _closing(energy: PeriodEnergy, read: dict[str, Any] | None) -> dict[str, Any] | None:
    """The read that ends the posting's energy: as read, or extended by the intervals after it."""
    if read is None or not energy.block_wh:
        return read
    return {
        **read,
        "read_at": energy.watermark_at,
        "register_wh": energy.anchor_wh + energy.block_wh,
        "kind": "blocks",
        "status": "estimated" if energy.estimated_wh else "substituted",
    }


@dataclass(frozen=True, slots=True)
class _DraftBuilder:
    """Makes the entry drafts of one agreement, each with its evidence."""

    agreement: Agreement
    period: Period
    day: date
    key_suffix: str
    rating: Rating
    common: dict[str, Any]

    def draft(self, line: RatedLine, charge_minor: int, last: dict[str, Any]) -> books.Draft:
        """A draft that posts `charge_minor` on a line whose last posting in the period was made from `last`."""
        rows = rows_between(last.get("standing", {}), line, charge_minor)
        previous = last.get("closing") or self.common.get("opening")
        inputs = {
            **self.common,
            "title": line.title,
            "book": self._book(line.name, last),
            "period": [self.period.first, self.period.end],
            "billed": [self.rating.target.billed.first, self.rating.target.billed.end],
            "through": self.rating.target.through,
            "load_w": usage.load_w(self.agreement, self.day),
            "tariffs": [
                {
                    "code": tariff.code,
                    "version": tariff.version,
                    "title": tariff.title,
                    "valid_from": tariff.valid_from,
                    "sha256": tariff.sha256,
                }
                for tariff in self.rating.target.versions
            ],
            "reads": [read for read in (previous, self.common.get("closing")) if read],
            "advance_wh": self.common["energy_wh"] - last.get("energy_wh", 0),
            "target_minor": line.amount_minor,
            "rows": [row.to_json() for row in rows],
            "standing": rated_state(line),
            "notes": [*self.rating.target.notes, *self._notes()],
        }
        return books.Draft(
            account_id=self.agreement.account_id,
            contra=f"{inputs['book']}:{line.name}",
            amount_minor=-charge_minor,
            origin="engine",
            line=line.name,
            accounting_month=self.day.replace(day=1),
            idempotency_key=f"engine:{self.agreement.id}:{self.period.first}:{line.name}:{self.day}{self.key_suffix}",
            inputs=inputs,
            agreement_id=self.agreement.id,
            period_start=self.period.first,
            service_date=self.day,
        )

    def _book(self, name: str, last: dict[str, Any]) -> str:
        """The book of a line; for a line that no tariff of the period has any more, the book it was posted to."""
        for tariff in reversed(self.rating.target.versions):
            for line in tariff.lines:
                if line.name == name:
                    return line.book.value
        return str(last.get("book", ContraKind.REVENUE.value))

    def _notes(self) -> list[str]:
        notes = []
        if self.day not in self.period:
            notes.append(f"correction of the period from {self.period.first}")
        if self.common["provisional"]:
            notes.append("provisional: closed without the register read of its midnight")
        return notes
