"""Evidence of charges: what an entry names, and the whole calculation made again from it.

The first entry of a posting on an agreement's period has the calculation; the other lines of the same posting say how many
entries before them it stands, in the same chain of hashes. Entries of 0.1 have the whole arithmetic as JSON, and are shown
as they were stored. docs/adr/0034 has the reasons.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from urja.apps.billing import day_money, unit_banks
from urja.apps.billing.common_shares import (
    CommonShares,
    NamedShares,
    ShareOfPeriod,
    hash_of,
    named_shares,
)
from urja.apps.billing.kinds import NO_DETERMINANTS, Cause
from urja.apps.books.chain import parse_json, plain_json
from urja.apps.contracts import queries as contracts
from urja.apps.determinants import queries as determinants
from urja.apps.local_zone import local_zone
from urja.apps.readings.queries.intervals import BilledIntervals, billed_intervals
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.queries import tariffs
from urja.base.ids import bucket_of
from urja.base.untyped_values import JsonObject
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.rating import (
    Calculation,
    RatedLine,
    RatedPeriod,
    RatingError,
    Tariff,
    UnknownRulesError,
    first_shared_day,
    rated_state,
    recalculate,
    rows_between,
    with_shared,
    without_shared,
)
from urja.core.rating.accruals import MONEY
from urja.core.rating.priced_quantities import BILLED, is_own_part

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_READ: Final = ("device_id", "read_at", "kind", "status", "source", "version", "register_wh", "correlation")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the charges of one posting on an agreement's period rest on."""

    calculation: Calculation
    determinants: tuple[int, str] | None
    """Version and SHA-256 of the determinants of the days before `calculation.through`; None where there is no such row."""
    opening: JsonObject | None
    """Register read at the beginning of the period; None where the agreement had no meter."""
    closing: JsonObject | None
    meters: Sequence[JsonObject]
    """Use by meter, where the period had several or one with a ratio."""
    provisional: bool
    common: tuple[NamedShares, ...] = ()
    """The days of common areas of which a share is charged."""

    def to_json(self, earlier: tuple[int, JsonObject] | None = None) -> JsonObject:
        """Return it as stored with the first entry of a posting; `earlier` is a whole one of the period, with its entry."""
        optional = {
            "determinants": self.determinants and list(self.determinants),
            "opening": self.opening and _packed(self.opening),
            "closing": self.closing and _packed(self.closing),
            "meters": self.meters and list(self.meters),
            "provisional": self.provisional,
            "common": [named.to_json() for named in self.common],
        }
        whole = {**self.calculation.to_json(), **{name: value for name, value in optional.items() if value}}
        stored: JsonObject = plain_json(whole)
        return stored if earlier is None else without_shared(stored, *earlier)

    @classmethod
    def from_json(cls, stored: JsonObject) -> "Evidence":
        """Return what `to_json` stored. Raises LookupError, TypeError or ValueError for anything else."""
        named = stored.get("determinants")
        return cls(
            Calculation.from_json(stored),
            None if named is None else (named[0], named[1]),
            _unpacked(stored["opening"]) if "opening" in stored else None,
            _unpacked(stored["closing"]) if "closing" in stored else None,
            stored.get("meters", ()),
            stored.get("provisional", False),
            tuple(map(NamedShares.from_json, stored.get("common", ()))),
        )


def _packed(read: JsonObject) -> list[object]:
    """Return a read without the names of its facts; its instant in microseconds."""
    return [
        (read["read_at"] - _EPOCH) // timedelta(microseconds=1) if name == "read_at" else read[name]
        for name in _READ
    ]


def _unpacked(stored: Sequence[Any]) -> JsonObject:
    read = dict(zip(_READ, stored, strict=True))
    return {**read, "read_at": (_EPOCH + timedelta(microseconds=read["read_at"])).isoformat()}


class ChargeEntry(NamedTuple):
    """An entry on a line of an agreement's period."""

    account_id: int
    seq: int
    agreement_id: int
    period_start: date
    service_date: date
    line: str
    amount_minor: int
    batch: int
    posted_at: datetime
    inputs: JsonObject


type EntryKey = tuple[int, int]
"""Account and number of an entry."""
type ReadEntry = Callable[[int, int], ChargeEntry]
"""Returns a charge by its account and number."""


@dataclass(frozen=True, slots=True)
class FullCharge:
    """The facts of a charge in the form that entries of 0.1 store them, with what is wrong with them."""

    inputs: JsonObject
    faults: tuple[str, ...] = ()
    """What the entry says and what the calculation comes to, where they differ; none where the amount is proven."""
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class _State:
    """What a line was charged from by an entry."""

    standing: JsonObject
    closing: JsonObject | None
    energy_wh: int
    evidence: Evidence | None
    """None for an entry that has the whole arithmetic."""


class _FaultError(ValueError):
    """An entry's calculation cannot be made again."""


def full_charge(account_id: int, seq: int, inputs: JsonObject) -> FullCharge:
    """Return the facts of an entry: as stored where it has them, else calculated again from what it names.

    A calculation that cannot be made again, or that comes to another amount, is a fault.
    """
    if not is_named(inputs):
        return FullCharge(inputs)
    entry = _entry(account_id, seq)
    try:
        return _full(entry)
    except _FaultError as error:
        return FullCharge(inputs, (str(error),))


def causes_of(keys: Collection[EntryKey]) -> dict[EntryKey, Cause]:
    """Return why entries change what was charged before, all by a few statements.

    Left out are entries that charge another day, and those whose calculation is not named or cannot be made again.
    """
    charges = {key: entry for key, entry in _entries(keys).items() if is_named(entry.inputs)}
    before = {key: seq for key, (_, seq) in _before(list(charges.values())).items() if seq is not None}
    known = charges | _entries([(account_id, seq) for (account_id, _), seq in before.items()])
    fresh = known
    while asked := {name for entry in fresh.values() for name in _names(entry)} - known.keys():
        fresh = _entries(asked)
        known |= fresh

    def read(account_id: int, seq: int) -> ChargeEntry:
        return _found(known, account_id, seq)

    causes = {}
    for key, seq in before.items():
        try:
            evidence = _evidence(charges[key], read)
            _rated(evidence)
            cause = _cause(charges[key], evidence, _state(read(key[0], seq), read))
        except _FaultError:
            continue
        if cause is not None:
            causes[key] = cause
    return causes


def _names(entry: ChargeEntry) -> list[EntryKey]:
    """Return the entry that another one names: the one with its calculation, or what that has in common with an earlier one."""
    if "calculated_with" in entry.inputs:
        return [(entry.account_id, entry.seq - entry.inputs["calculated_with"])]
    like = entry.inputs.get("calculation", {}).get("like")
    return [] if like is None else [(entry.account_id, int(like))]


def is_named(inputs: JsonObject) -> bool:
    """Return whether an entry names its calculation, or another entry that does."""
    return "calculation" in inputs or "calculated_with" in inputs


def _entries(keys: Collection[EntryKey]) -> dict[EntryKey, ChargeEntry]:
    """Return those of some entries that are charges."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.account_id, e.seq, e.agreement_id, e.period_start, e.service_date, e.line, e.amount_minor, e.batch, "
            "e.posted_at, e.inputs FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[]) AS k (bucket, account_id, seq) "
            "JOIN books.entry e USING (bucket, account_id, seq) WHERE e.origin = 'engine'",
            [
                [bucket_of(account_id) for account_id, _ in keys],
                [account_id for account_id, _ in keys],
                [seq for _, seq in keys],
            ],
        )
        entries = [ChargeEntry(*row) for row in cursor.fetchall()]
    return {
        (entry.account_id, entry.seq): entry._replace(inputs=parse_json(entry.inputs)) for entry in entries
    }


def _entry(account_id: int, seq: int) -> ChargeEntry:
    return _found(_entries([(account_id, seq)]), account_id, seq)


def _found(known: Mapping[EntryKey, ChargeEntry], account_id: int, seq: int) -> ChargeEntry:
    if (found := known.get((account_id, seq))) is None:
        raise _FaultError(f"entry {seq} of the account, which is named here, is no charge")
    return found


def _evidence(entry: ChargeEntry, read: ReadEntry = _entry) -> Evidence:
    holder = entry
    if "calculated_with" in entry.inputs:
        holder = read(entry.account_id, entry.seq - entry.inputs["calculated_with"])
        same = ("agreement_id", "period_start", "batch")
        if any(getattr(holder, name) != getattr(entry, name) for name in same):
            raise _FaultError(f"entry {entry.seq} names the calculation of another posting")
    try:
        return Evidence.from_json(_whole(holder, read))
    except _FaultError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise _FaultError(f"entry {holder.seq} has no calculation that can be read: {error!r}") from None


def _whole(holder: ChargeEntry, read: ReadEntry) -> JsonObject:
    """Return the calculation of an entry, with what it has in common with the one that it names."""
    stored: JsonObject = holder.inputs["calculation"]
    if "like" not in stored:
        return stored
    earlier = read(holder.account_id, int(stored["like"]))
    if (earlier.agreement_id, earlier.period_start) != (holder.agreement_id, holder.period_start):
        raise _FaultError(f"entry {holder.seq} names the calculation of another period")
    return with_shared(stored, earlier.inputs["calculation"])


def _rated(evidence: Evidence) -> RatedPeriod:
    try:
        return recalculate(evidence.calculation, tariffs.version_with_hash)
    except (UnknownRulesError, UnknownTariffError, RatingError) as error:
        raise _FaultError(str(error)) from None


def _line(rated: RatedPeriod, name: str, title: str) -> RatedLine:
    # A tariff version may have dropped the line: then its whole amount is reversed.
    return next((line for line in rated.lines if line.name == name), RatedLine(name, title, 0, ()))


def _state(entry: ChargeEntry, read: ReadEntry = _entry) -> _State:
    if not is_named(entry.inputs):
        stored = entry.inputs
        return _State(
            stored.get("standing", {}), stored.get("closing"), int(stored.get("energy_wh", 0)), None
        )
    evidence = _evidence(entry, read)
    line = _line(_rated(evidence), entry.line, entry.line)
    return _State(rated_state(line), evidence.closing, evidence.calculation.energy_wh, evidence)


def _full(entry: ChargeEntry) -> FullCharge:
    evidence = _evidence(entry)
    rated = _rated(evidence)
    title = str(entry.inputs.get("title", entry.line))
    line = _line(rated, entry.line, title)
    ((charged_minor, before_seq),) = _before([entry]).values()
    faults = []
    if line.amount_minor - charged_minor != -entry.amount_minor:
        faults.append(
            f"the calculation comes to {line.amount_minor} of which {charged_minor} were charged before, in minor "
            f"units; the entry charges {-entry.amount_minor}"
        )
    if before_seq != entry.inputs.get("before"):
        faults.append(
            f"the entry names {entry.inputs.get('before')} as the one before it, it is {before_seq}"
        )
    faults += _determinants_faults(entry, evidence)
    faults += _common_faults(entry, rated, evidence)
    faults += _units_faults(entry, rated)
    faults += _money_faults(entry, evidence.calculation)
    before = (
        _state(_entry(entry.account_id, before_seq)) if before_seq is not None else _State({}, None, 0, None)
    )
    calculation, energy_wh = evidence.calculation, evidence.calculation.energy_wh
    previous = before.closing or evidence.opening
    seen = _intervals(entry, evidence)
    rows = rows_between(before.standing, line, -entry.amount_minor)
    inputs = {
        "title": title,
        "rows": [row.to_json() for row in rows],
        "reads": [read for read in (previous, evidence.closing) if read],
        "opening": evidence.opening,
        "meters": evidence.meters,
        "tariffs": [_named(version) for version in rated.versions],
        "advance_wh": energy_wh - before.energy_wh,
        "energy_wh": energy_wh,
        "blocks_wh": seen.energy_wh,
        "residual_wh": energy_wh - seen.energy_wh,
        "provisional": evidence.provisional,
        "notes": [*rated.notes, *_notes(entry, calculation, evidence)],
        "correlations": seen.correlations,
        "shares": _shares_of_line(entry, rated, evidence),
        "units": [(_zone_name(rated, row.zone), row) for row in rated.bank],
    }
    return FullCharge(inputs, tuple(faults), _cause(entry, evidence, before))


def _zone_name(rated: RatedPeriod, zone: int) -> str:
    """Return the name of a zone by its number; empty for a bank of all times."""
    return next((name for version in rated.versions for name, number in version.zones if number == zone), "")


def _before(entries: Sequence[ChargeEntry]) -> dict[EntryKey, tuple[int, int | None]]:
    """Return what was charged on the line of the period before each entry, and the number of the last entry that did."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.account_id, k.seq, before.charged_minor, before.seq "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::text[]) "
            "AS k (account_id, seq, agreement_id, period_start, line) CROSS JOIN LATERAL ("
            "  SELECT coalesce(-sum(e.amount_minor), 0) AS charged_minor, max(e.seq) AS seq FROM books.entry e "
            "  WHERE e.origin = 'engine' AND e.agreement_id = k.agreement_id AND e.period_start = k.period_start "
            "  AND e.line = k.line AND e.seq < k.seq) before",
            [
                [entry.account_id for entry in entries],
                [entry.seq for entry in entries],
                [entry.agreement_id for entry in entries],
                [entry.period_start for entry in entries],
                [entry.line for entry in entries],
            ],
        )
        return {
            (account_id, seq): (int(charged_minor), before_seq)
            for account_id, seq, charged_minor, before_seq in cursor.fetchall()
        }


def _determinants_faults(entry: ChargeEntry, evidence: Evidence) -> list[str]:
    if evidence.determinants is None:
        return _lacking_determinants(entry, evidence.calculation)
    faults = _past_faults(entry, evidence.calculation)
    version, sha256 = evidence.determinants
    as_of = evidence.calculation.through - ONE_DAY
    stored = determinants.named_row(entry.agreement_id, entry.period_start, as_of, version)
    name = f"determinants from {entry.period_start} to {as_of}, version {version}"
    if stored is None or stored.sha256 != sha256:
        return [*faults, f"the {name} that the entry names are not stored"]
    billed = next((stored.values[name] for name in BILLED.values() if name in stored.values), None)
    if billed != evidence.calculation.energy_wh:
        return [
            *faults,
            f"the {name} have {billed}; the entry was calculated from {evidence.calculation.energy_wh}",
        ]
    return faults + [
        f"the {name} have {stored.values.get(each)} of {each}; the entry was calculated from {value}"
        for each, value in evidence.calculation.measured_totals.items()
        if each not in MONEY and not is_own_part(each) and stored.values.get(each) != value
    ]


def _lacking_determinants(entry: ChargeEntry, calculation: Calculation) -> list[str]:
    """Return that a charge of energy names no determinants, where it should.

    A period whose calendar begins later has none, nor has a day that a change of tariff has put into another period.
    """
    if not calculation.energy_wh or any(
        tariffs.version_with_hash(sha256).calendar for sha256 in calculation.tariffs
    ):
        return []
    as_of = calculation.through - ONE_DAY
    if determinants.has_row_of_another_period(entry.agreement_id, entry.period_start, as_of):
        return []
    return [f"the entry was calculated from {calculation.energy_wh}, {NO_DETERMINANTS}"]


def _common_faults(entry: ChargeEntry, rated: RatedPeriod, evidence: Evidence) -> list[str]:
    """Return how the shares of common areas that an entry was calculated from differ from the stored days that it names."""
    calculation = evidence.calculation
    charged = {name: wh for name, wh in calculation.measured_totals.items() if is_own_part(name)}
    if not charged and not evidence.common:
        return []
    shares = _shares(entry, rated, evidence)
    faults = [
        f"the days of common areas of premise {one.shared.premise_id} that the entry names are not stored"
        for one in evidence.common
        if hash_of(shares.days[one.shared]) != one.sha256
    ]
    stored = shares.values(Period(calculation.billed.first, calculation.through))
    return faults + [
        f"the stored days have {stored.get(name)} Wh of {name}; the entry was calculated from {charged.get(name)}"
        for name in sorted(charged.keys() | stored.keys())
        if charged.get(name) != stored.get(name)
    ]


def _shares_of_line(entry: ChargeEntry, rated: RatedPeriod, evidence: Evidence) -> list[ShareOfPeriod]:
    """Return the share of common areas that an entry's line prices; none of other lines."""
    measures = [
        line.measure for version in rated.versions for line in version.lines if line.name == entry.line
    ]
    if not evidence.common or not measures or not measures[-1].share:
        return []
    return [_shares(entry, rated, evidence).of_period(measures[-1].quantity, measures[-1].share)]


def _shares(entry: ChargeEntry, rated: RatedPeriod, evidence: Evidence) -> CommonShares:
    (agreement,) = contracts.agreements([entry.agreement_id])
    calculation = evidence.calculation
    commons = {common for version in rated.versions for common in version.commons}
    terms = ((each.first, map(tariffs.version_with_hash, each.versions)) for each in calculation.terms)
    first = min(first_shared_day(terms, calculation.billed), calculation.through)
    return named_shares(agreement, commons, Period(first, calculation.through), evidence.common)


def _money_faults(entry: ChargeEntry, calculation: Calculation) -> list[str]:
    faults = []
    for use in calculation.measured:
        named = {name: value for name, value in use.values.items() if name in MONEY}
        posted = day_money.money_of(entry.account_id, named, use.days) if named else {}
        if posted != named:
            faults.append(
                f"the account has {posted} of {use.days.first} to {use.days.end}; the entry was calculated from {named}"
            )
    return faults


def _units_faults(entry: ChargeEntry, rated: RatedPeriod) -> list[str]:
    if not rated.bank:
        return []
    last_day = rated.through - ONE_DAY
    stored = unit_banks.newest(entry.agreement_id, entry.period_start, last_day, entry.posted_at)
    return [
        f"the ledger of units has {stored[row.zone].row if row.zone in stored else 'nothing'} for the bank {row.zone} when "
        f"the entry was posted; its calculation comes to {row}"
        for row in rated.bank
        if row.zone not in stored or stored[row.zone].row != row
    ]


def _past_faults(entry: ChargeEntry, calculation: Calculation) -> list[str]:
    """Return what the rows of earlier periods have, where it is not what a ratchet was calculated from."""
    calendars = {tariffs.version_with_hash(sha256).calendar for sha256 in calculation.tariffs}
    faults = []
    for past in calculation.past_demands:
        as_of = past.period.end - ONE_DAY
        row = determinants.named_row(entry.agreement_id, past.period.first, as_of, past.row_version)
        if row is None or row.sha256 != past.row_sha256 or row.values.get(past.name) != past.power:
            faults.append(
                f"the determinants from {past.period.first} to {as_of}, version {past.row_version}, do not have "
                f"{past.power} of {past.name}; the entry was calculated from it"
            )
        elif "_z" in past.name and row.calendar not in calendars:
            faults.append(
                f"the zones of the determinants from {past.period.first} to {as_of} are of the calendar {row.calendar}; the "
                f"entry was calculated from {past.name} of it"
            )
    return faults


def _intervals(entry: ChargeEntry, evidence: Evidence) -> BilledIntervals:
    """Return what the intervals of the period that were known at the posting say beside the register."""
    if evidence.closing is None and not evidence.meters:
        return BilledIntervals(evidence.calculation.energy_wh, ())
    (agreement,) = contracts.agreements([entry.agreement_id])
    zone = local_zone()
    ends_at = midnight(evidence.calculation.through, zone)
    return billed_intervals(
        agreement.service_point_id,
        max(agreement.valid_from, midnight(entry.period_start, zone)),
        ends_at if agreement.valid_to is None else min(ends_at, agreement.valid_to),
        shown_from=midnight(entry.service_date, zone),
        known_at=entry.posted_at,
    )


def _named(version: Tariff) -> JsonObject:
    return {
        "code": version.code,
        "version": version.version,
        "title": version.title,
        "valid_from": version.valid_from.isoformat(),
        "sha256": version.sha256,
    }


def _notes(entry: ChargeEntry, calculation: Calculation, evidence: Evidence) -> list[str]:
    notes = []
    if _corrects(entry, calculation):
        notes.append(f"correction of the period from {entry.period_start}")
    if evidence.provisional:
        notes.append("provisional: closed without the register read of its midnight")
    return notes


def _corrects(entry: ChargeEntry, calculation: Calculation) -> bool:
    """Return whether an entry was posted on a day after all days that it charges."""
    return entry.service_date >= calculation.through


def _cause(entry: ChargeEntry, evidence: Evidence, before: _State) -> Cause | None:
    """Return why an entry changes what was charged before; None where it charges another day."""
    earlier = before.evidence
    if earlier is None:
        return None
    now, then = evidence.calculation, earlier.calculation
    if now.billed != then.billed or now.by_day_from != then.by_day_from:
        return Cause.MOVED_DAYS
    if _terms_before(now, then.through) != _terms_before(then, then.through):
        loads, loads_then = ([(each.load_w, each.other_loads) for each in one.terms] for one in (now, then))
        return Cause.BACKDATED_TARIFF if loads == loads_then else Cause.CHANGED_TERMS
    closing, former = evidence.closing, earlier.closing
    if closing and former and closing["device_id"] != former["device_id"]:
        return Cause.EXCHANGE
    if closing and closing["status"] == "edited":
        return Cause.EDITED_READING
    if earlier.provisional or _corrects(entry, now):
        return Cause.LATE_READING
    return None


def _terms_before(calculation: Calculation, day: date) -> list[object]:
    """Return the terms that rated the days before a day: with versions that were in force by then."""
    return [
        (
            each.first,
            (each.load_w, each.other_loads),
            [version for version in each.versions if tariffs.version_with_hash(version).valid_from < day],
        )
        for each in calculation.terms
        if each.first < day
    ]
