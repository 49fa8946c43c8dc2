"""The supply behind a meter, and its truth: what the household really drew, written to a file that only the supply
writes.

The meter asks the supply to run to an instant and measures what passed; the supply itself records what was drawn. The
laws of the world test compare Urja's tables with this file.
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from urja.base.json_files import UNREADABLE
from urja.meter.load import WATTS_PER_QUANTUM, Draw, InstantaneousReading, LoadSource


class TruthRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One closed interval of one meter, energies in mWh.

    `start_s` and `end_s` are the interval by the meter's own clock (Unix seconds), `closed_at_s` is when it closed by
    true time. `cumulative_mwh` counts from the meter's installation to the closing instant. `powered_s` are the
    seconds with grid supply; `powered` is false where there were none. `exported_mwh` was fed to the line,
    `hooked_mwh` bypassed the meter (and is not in `drawn_mwh`). For a transformer's meter `drawn_mwh` is all that
    left it towards premises; `hooked_mwh` and `lost_mwh` are parts of it: stolen behind it, and lost in it and its
    lines. `more` has the volumes of a gas meter, whose energies are zero: `drawn_ml`, `cumulative_ml`, `leaked_ml`
    (a part of the first), and `compensated_ul`, what the meter counts at 15 °C.
    Of a three-phase load it has what else flowed in the interval: `import_mvah` and `export_mvah`, and
    the fields of `load.PhaseDraw`. Once a generator has run, its parts of all these have the prefix `dg_`, as in
    `dg_drawn_mwh`, and `dg_cumulative_mwh` is all that it has supplied.
    """

    serial: str
    start_s: int
    end_s: int
    closed_at_s: int
    drawn_mwh: int
    cumulative_mwh: int
    powered: bool
    powered_s: int
    exported_mwh: int = 0
    hooked_mwh: int = 0
    lost_mwh: int = 0
    more: dict[str, int] = {}


class TruthError(ValueError):
    """A truth file that cannot be read: without it no law can compare."""


TruthSink = Callable[[TruthRecord], None]


def discard_record(_record: TruthRecord) -> None:
    """Discard a record: the sink of a meter that no law checks (the history before adoption, a meter served alone)."""


def distinct(records: Iterable[TruthRecord]) -> list[TruthRecord]:
    """Return records in their order, without those that a restarted fleet has written again."""
    # By their bytes: the table `more` has no hash.
    return list({msgspec.json.encode(record): record for record in records}.values())


class TruthFile:
    """An append-only file of JSON lines. One writer: the fleet process that owns the meters.

    A fleet that restarts replays the past of its meters; records that the file has already are not written again. A
    line that a killed process left incomplete is cut off first.
    """

    def __init__(self, path: Path) -> None:
        self._known: dict[str, int] = {}
        if path.exists():
            whole = path.read_bytes()
            # A new record appended to half a line would make both unreadable.
            os.truncate(path, whole.rfind(b"\n") + 1)
            for record in read_truth(path):
                self._known[record.serial] = record.closed_at_s
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, record: TruthRecord) -> None:
        """Append one closed interval; it reaches the operating system with `flush`."""
        if record.closed_at_s > self._known.get(record.serial, -1):
            self._file.write(msgspec.json.encode(record).decode() + "\n")

    def flush(self) -> None:
        """Hand written records to the operating system, so that a killed process loses none of them."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def read_truth(path: Path) -> list[TruthRecord]:
    """Return all records of a truth file in the order of writing, without an incomplete last line.

    Raises TruthError, with file and line, for a line that is not a record.
    """
    decoder = msgspec.json.Decoder(TruthRecord)
    records = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            records += [decoder.decode(line)] if line else []
        except UNREADABLE as error:
            raise TruthError(f"{path}, line {number}: {error}") from error
    return records


def _more(draw: Draw) -> dict[str, int]:
    if draw.phases is None:
        return {}
    return {
        "import_mvah": draw.apparent_mvah,
        "export_mvah": draw.exported_mvah,
        **draw.phases._asdict(),
    }


def _of_generator(draw: Draw, cumulative: Draw) -> dict[str, int]:
    parts = {"drawn_mwh": draw.energy_mwh, "exported_mwh": draw.exported_mwh, **_more(draw)}
    return {"dg_cumulative_mwh": cumulative.energy_mwh} | {f"dg_{name}": part for name, part in parts.items()}


@dataclass(slots=True)
class Interval:
    """What passed since the interval was opened."""

    draw: Draw
    powered_s: int


class SupplyState(NamedTuple):
    """The state of the supply from an instant on (Unix seconds): voltage, relay contacts, and a bypassing wire.

    The wire's power is in quanta of `load`; it flows whatever the relay does. The voltage is a generator's instead of the
    grid's with `from_generator`: then nothing flows from the grid, through the wire neither.
    """

    since_s: int
    grid_on: bool
    relay_closed: bool
    hook_quanta: int
    from_generator: bool = False


class Supply:
    """Grid, main relay, load and a wire that bypasses the meter: the only source of energy in the simulation.

    Times are true Unix seconds and never decrease. `watched` stores the past states in `gates`, for a transformer
    that sums what its premises drew.
    """

    def __init__(
        self, serial: str, source: LoadSource, start_s: int, sink: TruthSink, *, watched: bool = False
    ) -> None:
        self.serial = serial
        self.total = Draw()
        self.generated = Draw()
        """The part of the total that a generator supplied."""
        self.powered_s = 0
        self.source = source
        self._gate = SupplyState(start_s, True, True, 0)
        self.gates = [self._gate]
        self._watched = watched
        self._sink = sink
        self._cursor_s = start_s
        self._opened = (self.total, self.generated, self.powered_s)

    @property
    def cursor_s(self) -> int:
        """The instant up to which energy has been drawn, in Unix seconds."""
        return self._cursor_s

    @property
    def grid_on(self) -> bool:
        """Whether there is voltage."""
        return self._gate.grid_on

    @grid_on.setter
    def grid_on(self, on: bool) -> None:
        self._set(self._gate._replace(grid_on=on))

    @property
    def relay_closed(self) -> bool:
        """Whether the contacts of the main relay conduct."""
        return self._gate.relay_closed

    @relay_closed.setter
    def relay_closed(self, closed: bool) -> None:
        self._set(self._gate._replace(relay_closed=closed))

    @property
    def from_generator(self) -> bool:
        """Whether a generator supplies the load instead of the grid."""
        return self._gate.from_generator

    @from_generator.setter
    def from_generator(self, on: bool) -> None:
        self._set(self._gate._replace(from_generator=on))

    @property
    def hook_w(self) -> int:
        """Power of the wire that bypasses the meter, in W."""
        return round(self._gate.hook_quanta * WATTS_PER_QUANTUM)

    @hook_w.setter
    def hook_w(self, watts: int) -> None:
        self._set(self._gate._replace(hook_quanta=round(watts / WATTS_PER_QUANTUM)))

    def _set(self, gate: SupplyState) -> None:
        self._gate = gate._replace(since_s=self._cursor_s)
        if self._watched:
            self.gates.append(self._gate)

    def forget_states_before(self, instant_s: int) -> None:
        """Remove the past states that are not needed to know the state from `instant_s` on (Unix seconds)."""
        needed = bisect_right(self.gates, instant_s, key=lambda gate: gate.since_s) - 1
        del self.gates[: max(needed, 0)]

    def run_to(self, instant_s: int) -> None:
        """Draw energy up to an instant (Unix seconds) in the present state; raises ValueError for an instant in the
        past.
        """
        if instant_s < self._cursor_s:
            raise ValueError(f"the supply has reached {self._cursor_s} and cannot run back to {instant_s}")
        if self.grid_on and instant_s > self._cursor_s:
            self.powered_s += instant_s - self._cursor_s
            draw = self.source.between(self._cursor_s, instant_s)
            # An open relay stops the load. The meter is on the grid side of it and still measures the voltage.
            flowed = draw if self.relay_closed else draw.voltage_alone()
            self.total += flowed
            if self.from_generator:
                self.generated += flowed
            elif self._gate.hook_quanta:
                self.total += Draw(hooked_mwh=self._gate.hook_quanta * (instant_s - self._cursor_s))
        self._cursor_s = instant_s

    def now(self) -> InstantaneousReading:
        """Return voltage (V) and power (W, VA) at the present instant.

        No voltage without grid, no load through an open relay.
        """
        if not self.grid_on:
            return InstantaneousReading(0.0, 0.0, 0.0)
        line = self.source.at(self._cursor_s)
        return line if self.relay_closed else line.voltage_alone()

    def at(self, instant_s: int) -> InstantaneousReading:
        """Return what the load drew or fed in at an instant (Unix seconds), as with the supply on."""
        return self.source.at(instant_s)

    def watts(self) -> float:
        """Return the active power through the meter now, in W: constant until the next whole minute."""
        return self.source.watts(self._cursor_s) if self.grid_on and self.relay_closed else 0.0

    def close_interval(self, start_s: int, end_s: int) -> Interval:
        """Close an interval, write its truth record, and open the next; return what passed in it, in mWh.

        `start_s` and `end_s` are Unix seconds by the meter's own clock.
        """
        opened, generated_before, powered_before = self._opened
        draw, generated = self.total.since(opened), self.generated.since(generated_before)
        powered_s = self.powered_s - powered_before
        self._opened = (self.total, self.generated, self.powered_s)
        more = _more(draw)
        if self.generated != Draw():
            more |= _of_generator(generated, self.generated)
        self._sink(
            TruthRecord(
                self.serial,
                start_s,
                end_s,
                self._cursor_s,
                draw.energy_mwh,
                self.total.energy_mwh,
                powered_s > 0,
                powered_s,
                draw.exported_mwh,
                draw.hooked_mwh,
                draw.lost_mwh,
                more,
            )
        )
        return Interval(draw, powered_s)
