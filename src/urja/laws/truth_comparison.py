"""The meters' truth files compared with Urja's tables: what was drawn, what is stored, what is listed as missing.

The truth file is written by the simulated supply alone. None of the code that stored or accrued a reading is used
here: the tables are read as rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from urja.laws.connections import Connection
from urja.meter.fleet import FleetFile
from urja.meter.truth import TruthRecord, distinct

COMMODITIES: Final = {"electricity": "Wh", "gas": "L"}
"""What the town sells, and the base unit in which it is counted."""
NO_STEPS: Final[Mapping[str, int]] = {}
"""All meters count single Wh."""


def energy_steps_wh(fleet: FleetFile) -> dict[str, int]:
    """Return the resolution of each meter's energy by serial, in Wh, as its type states it for blocks; a gas meter counts
    litres and has none.
    """
    return {
        meter.serial: 10**column.scaler
        for meter in fleet.meters
        for column in meter.type.profiles["block"].columns
        if column.key == "import_wh"
    }


@dataclass(frozen=True, slots=True)
class TrueEnergy:
    """What one meter's household drew from the grid, at the resolution of the meter, in Wh, in intervals closed by `horizon`.

    Of a gas meter it is the volume as it flowed, in litres, wherever `_wh` is said. What a generator supplied is no part.

    `blocks` has the increments by interval start: several where the clock was set back over a start. `registers` has
    the advance since installation at each closing instant, by the meter's own stamp; `without_power` those instants before
    which there was no power for a whole interval: a meter may have no row of them.
    """

    blocks: dict[int, list[int]]
    registers: dict[int, int]
    without_power: set[int]
    lengths: dict[int, int] = field(default_factory=dict)
    """Lengths of the intervals, in seconds, by their start."""

    @classmethod
    def of(
        cls, records: Iterable[TruthRecord], horizon: datetime, steps_wh: Mapping[str, int] = NO_STEPS
    ) -> dict[str, "TrueEnergy"]:
        """Return the truth by serial; a record that a restarted fleet has written again counts once.

        `steps_wh` is the resolution of each meter that counts in more than 1 Wh; such a register begins at a whole step.
        """
        drawn: dict[str, TrueEnergy] = defaultdict(lambda: cls(defaultdict(list), {}, set()))
        for record in distinct(records):
            if record.end_s <= horizon.timestamp():
                step_wh = steps_wh.get(record.serial, 1)
                drawn_wh, advance_wh = (
                    milli // (1000 * step_wh) * step_wh for milli in _billed_milli(record)
                )
                drawn[record.serial].blocks[record.start_s].append(drawn_wh)
                drawn[record.serial].lengths[record.start_s] = record.end_s - record.start_s
                drawn[record.serial].registers[record.end_s] = advance_wh
                if not record.powered:
                    drawn[record.serial].without_power.add(record.end_s)
        return dict(drawn)

    def energy_wh(self, zone: ZoneInfo, book: "StoredReadings") -> int:
        """Return the energy to bill, in Wh: the register's advance to its last read, then the blocks since.

        That read is at a local midnight, or taken by a person; the latter is between two closing instants and
        accepted as far as it lies between their registers. Of a removed meter it is the whole advance; in stock it
        draws nothing.
        """
        if book.removed_s is not None:
            return max(self.registers.values(), default=0)
        midnights = [at for at in self.registers if is_midnight(at, zone) and at >= book.installed_s]
        last = max([*midnights, *book.reads], default=0)
        since = sum(sum(values) for start, values in self.blocks.items() if start >= last)
        return self._advance(last, book) + since

    def _advance(self, at: int, book: "StoredReadings") -> int:
        if at in self.registers or at not in book.reads:
            return self.registers.get(at, 0)
        before = max((wh for stamp, wh in self.registers.items() if stamp < at), default=0)
        after = min((wh for stamp, wh in self.registers.items() if stamp > at), default=before)
        return min(max(book.reads[at] - book.installed_wh, before), after)


def _billed_milli(record: TruthRecord) -> tuple[int, int]:
    """Return what is billed of an interval and since installation: mL of gas, or mWh from the grid."""
    more = record.more
    if "drawn_ml" in more:
        return more["drawn_ml"], more["cumulative_ml"]
    return (
        record.drawn_mwh - more.get("dg_drawn_mwh", 0),
        record.cumulative_mwh - more.get("dg_cumulative_mwh", 0),
    )


def is_midnight(stamp: int, zone: ZoneInfo) -> bool:
    """Return whether a Unix time is 00:00 on the clocks of a zone."""
    local = datetime.fromtimestamp(stamp, zone)
    return (local.hour, local.minute, local.second) == (0, 0, 0)


@dataclass(slots=True)
class StoredReadings:
    """What Urja's tables have of one meter up to the horizon: rows as they are, current versions only."""

    blocks: dict[int, int]
    missing: set[int]
    midnights: dict[int, int]
    reads: dict[int, int] = field(default_factory=dict)
    """Registers that a person read at the meter, by the instant."""
    installed_wh: int = 0
    installed_s: int = 0
    removed_s: int | None = None
    """When it was removed; None while it is installed."""
    removed_wh: int = 0
    """Its last register, as read or estimated then."""
    asked_to: int = 0
    """Up to here the tables do not list a midnight's register as missing."""
    billed: bool = True
    """Whether an agreement pays for it; a transformer's meter measures what others pay for."""
    commodity: str = "electricity"

    @property
    def unit(self) -> str:
        """The base unit of what the meter counts: Wh, or L of a gas meter."""
        return COMMODITIES[self.commodity]

    def was_installed(self, start: int, end: int) -> bool:
        """Return whether it was installed for all of an interval."""
        return self.installed_s <= start and (self.removed_s is None or end <= self.removed_s)

    def energy_wh(self) -> int:
        """Return the same sum as `TrueEnergy.energy_wh`, from the tables."""
        if self.removed_s is not None:
            return self.removed_wh - self.installed_wh
        anchors = {**self.reads, **self.midnights}
        last = max(anchors, default=0)
        since = sum(value for start, value in self.blocks.items() if start >= last)
        return anchors.get(last, self.installed_wh) - self.installed_wh + since


_BLOCKS = """
    SELECT DISTINCT ON (device_id, start_at) device_id, extract(epoch FROM start_at)::bigint, values[1]
    FROM readings_interval WHERE series = 1 AND start_at < %s ORDER BY device_id, start_at, version DESC
"""
_MISSING = """
    SELECT device_id, extract(epoch FROM start_at)::bigint FROM readings_gap
    WHERE closed_at IS NULL AND start_at < %s
"""
_REGISTERS = """
    SELECT DISTINCT ON (device_id, read_at) device_id, extract(epoch FROM read_at)::bigint, values[1], kind
    FROM readings_register WHERE read_at <= %s AND kind IN (2, 5)
    ORDER BY device_id, read_at, kind, version DESC
"""
_ASKED = """
    SELECT p.device_id, max(extract(epoch FROM c.daily_to_at)::bigint)
    FROM assets_device_period p JOIN readings_coverage c ON c.device_period_id = p.id
    WHERE c.daily_to_at IS NOT NULL GROUP BY 1
"""
_DEVICES = """
    SELECT d.id, d.serial, bool_or(p.role = 1), extract(epoch FROM min(p.valid_from))::bigint,
        CASE WHEN bool_and(p.valid_to IS NOT NULL) THEN ceil(extract(epoch FROM max(p.valid_to)))::bigint END,
        min(s.commodity)
    FROM assets_device d JOIN assets_device_period p ON p.device_id = d.id
    JOIN network_service_point s ON s.id = p.service_point_id GROUP BY d.id
"""
_INSTALLATION = 5


def stored_readings(connection: Connection, horizon: datetime) -> dict[str, StoredReadings]:
    """Return what is stored and what is listed as missing of each meter, by serial number."""
    devices = connection.execute(_DEVICES).fetchall()
    serials = {device: serial for device, serial, *_ in devices}
    books = {
        serial: StoredReadings(
            {}, set(), {}, installed_s=installed_s, removed_s=removed_s, billed=billed, commodity=commodity
        )
        for _, serial, billed, installed_s, removed_s, commodity in devices
    }
    # A meter whose installation was corrected away since may have rows; they belong to no service point.
    for device, start, wh in connection.execute(_BLOCKS, [horizon]):
        if device in serials:
            books[serials[device]].blocks[start] = wh
    for device, start in connection.execute(_MISSING, [horizon]):
        if device in serials:
            books[serials[device]].missing.add(start)
    for device, at, wh, kind in connection.execute(_REGISTERS, [horizon]):
        if device not in serials:
            continue
        book = books[serials[device]]
        (book.reads if kind == _INSTALLATION else book.midnights)[at] = wh
        if at == book.installed_s:
            book.installed_wh = wh
        if at == book.removed_s:
            book.removed_wh = wh
    for device, asked_to in connection.execute(_ASKED):
        books[serials[device]].asked_to = asked_to
    return books


@dataclass(frozen=True, slots=True)
class Comparison:
    """Truth and tables of the fleet; amounts are those of the meters that an agreement pays for, in Wh or litres by
    commodity.
    """

    drawn: dict[str, int]
    stored: dict[str, int]
    missing: int
    """Intervals and midnights that the tables themselves list as missing."""
    faults: tuple[str, ...]
    """Every interval or register in which tables and truth differ, as a sentence."""


def compare(drawn: dict[str, TrueEnergy], books: dict[str, StoredReadings], zone: ZoneInfo) -> Comparison:
    """Compare interval by interval, to the Wh. A block that is neither stored nor listed as missing is a fault."""
    faults: list[str] = []
    # A removed meter sends nothing any more; its registers have the energy.
    missing = sum(len(book.missing) for book in books.values() if book.removed_s is None)
    for serial, truth in drawn.items():
        book = books.get(serial)
        if book is None:
            # A meter in stock draws nothing and is not installed.
            faults += (
                [f"{serial}: not installed at any service point"] if any(truth.registers.values()) else []
            )
            continue
        faults += _block_faults(serial, truth, book)
        faults += _register_faults(serial, truth, book)
        unread = _unread(truth, book, zone)
        missing += sum(stamp > book.asked_to for stamp in unread)
        faults += [
            f"{serial} {datetime.fromtimestamp(stamp, UTC)}: register neither read nor listed as missing"
            for stamp in unread
            if stamp <= book.asked_to
        ]
    drawn_of, stored_of = dict.fromkeys(COMMODITIES, 0), dict.fromkeys(COMMODITIES, 0)
    for serial, book in books.items():
        if book.billed:
            stored_of[book.commodity] += book.energy_wh()
            drawn_of[book.commodity] += drawn[serial].energy_wh(zone, book) if serial in drawn else 0
    return Comparison(
        drawn=drawn_of,
        stored=stored_of,
        missing=missing,
        faults=tuple(faults),
    )


def _block_faults(serial: str, truth: TrueEnergy, book: StoredReadings) -> Iterable[str]:
    for start, values in sorted(truth.blocks.items()):
        at = datetime.fromtimestamp(start, UTC)
        if not book.was_installed(start, start + truth.lengths[start]):
            # The meter was removed or installed inside this interval: its registers at that instant count instead.
            continue
        if start in book.blocks:
            if book.blocks[start] not in values:
                yield f"{serial} {at}: drew {values} {book.unit}, stored {book.blocks[start]} {book.unit}"
        elif start not in book.missing:
            yield f"{serial} {at}: drew {values} {book.unit}, neither stored nor listed as missing"
    for start in sorted(book.blocks.keys() - truth.blocks.keys()):
        if book.blocks[start]:
            at = datetime.fromtimestamp(start, UTC)
            yield f"{serial} {at}: {book.blocks[start]} {book.unit} that were not drawn"


def _register_faults(serial: str, truth: TrueEnergy, book: StoredReadings) -> Iterable[str]:
    for stamp, wh in sorted(book.midnights.items()):
        advance = wh - book.installed_wh
        if stamp in truth.registers and truth.registers[stamp] != advance:
            at = datetime.fromtimestamp(stamp, UTC)
            true, unit = truth.registers[stamp], book.unit
            yield f"{serial} {at}: register advanced {true} {unit}, read {advance} {unit}"


def _unread(truth: TrueEnergy, book: StoredReadings, zone: ZoneInfo) -> list[int]:
    """Return midnights that the meter passed with power and whose register the tables do not have."""
    return sorted(
        stamp
        for stamp in truth.registers.keys() - truth.without_power - book.midnights.keys()
        if is_midnight(stamp, zone) and book.was_installed(stamp, stamp)
    )


def midnights_between(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the local midnights in (start, end]."""
    day = start.astimezone(zone).date() + timedelta(days=1)
    found = []
    while (midnight := datetime(day.year, day.month, day.day, tzinfo=zone)) <= end:
        found.append(midnight)
        day += timedelta(days=1)
    return found
