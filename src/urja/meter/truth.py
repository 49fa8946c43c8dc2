"""The supply and its truth: what the household really drew, and the file nobody else writes.

The meter asks the supply to run to an instant and measures what came through; the supply itself writes down
what was drawn. The laws of the world test compare Urja's books with this file.
"""

import os
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from urja.base.json_files import UNREADABLE
from urja.meter.load import WATTS_PER_QUANTUM, Draw, InstantaneousReading, LoadSource


class TruthRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One closed interval of one meter.

    `start_s` and `end_s` are the interval by the meter's own clock (Unix seconds), `closed_at_s` is when it
    closed by true time. `cumulative_mwh` counts from the meter's installation to the closing instant.
    `powered_s` are the seconds of grid supply inside it; `powered` is false where there were none.
    `exported_mwh` was given to the line, `hooked_mwh` went past the meter by a hooked wire (and is not in
    `drawn_mwh`). For a transformer's meter `drawn_mwh` holds all that left it towards houses, `hooked_mwh` and
    `lost_mwh` are parts of it: hooked behind it, lost in it and its lines.
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


class TruthError(ValueError):
    """A truth file that cannot be read: what the meters really drew is not known."""


TruthSink = Callable[[TruthRecord], None]


def discard_record(_record: TruthRecord) -> None:
    """The sink of a meter whose truth nobody checks (history before adoption, a meter served alone)."""


class TruthFile:
    """Append-only JSON lines. One writer: the fleet process that owns the meters' supplies.

    A fleet that starts again lives its meters' past once more; what the file holds already is not written
    twice. A line torn by a kill is cut off first.
    """

    def __init__(self, path: Path) -> None:
        self._known: dict[str, int] = {}
        if path.exists():
            whole = path.read_bytes()
            os.truncate(path, whole.rfind(b"\n") + 1)
            for record in read_truth(path):
                self._known[record.serial] = record.closed_at_s
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, record: TruthRecord) -> None:
        """Append one closed interval; in the operating system's hands after `flush`."""
        if record.closed_at_s > self._known.get(record.serial, -1):
            self._file.write(msgspec.json.encode(record).decode() + "\n")

    def flush(self) -> None:
        """Hand what was written to the operating system, so that a killed process loses nothing of it."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def read_truth(path: Path) -> list[TruthRecord]:
    """All records of a truth file, in the order of writing; a torn last line (a kill) is left out.

    Raises TruthError for a line that is none.
    """
    decoder = msgspec.json.Decoder(TruthRecord)
    records = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        try:
            records += [decoder.decode(line)] if line else []
        except UNREADABLE as error:
            raise TruthError(f"{path}, line {number}: {error}") from error
    return records


@dataclass(slots=True)
class Interval:
    """What came through since the interval was opened."""

    draw: Draw
    powered_s: int


class SupplyState(NamedTuple):
    """What lets current through from an instant on: grid, contacts of the main relay, and a hooked wire, in
    quanta of `load`, which draws whatever the relay does.
    """

    since_s: int
    grid_on: bool
    relay_closed: bool
    hook_quanta: int


class Supply:
    """Grid, main relay, load and a wire hooked past the meter: the only place where energy comes from.

    Times are Unix seconds, true time, never running back. `watched` keeps the past of the gate in `gates`, for
    a transformer that adds up what its houses drew.
    """

    def __init__(
        self, serial: str, source: LoadSource, start_s: int, sink: TruthSink, *, watched: bool = False
    ) -> None:
        self.serial = serial
        self.total = Draw()
        self.powered_s = 0
        self.source = source
        self._gate = SupplyState(start_s, True, True, 0)
        self.gates = [self._gate]
        self._watched = watched
        self._sink = sink
        self._cursor_s = start_s
        self._opened = (self.total, self.powered_s)

    @property
    def cursor_s(self) -> int:
        """The instant up to which energy has been drawn."""
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
        """Whether the contacts of the main relay let current through."""
        return self._gate.relay_closed

    @relay_closed.setter
    def relay_closed(self, closed: bool) -> None:
        self._set(self._gate._replace(relay_closed=closed))

    @property
    def hook_w(self) -> int:
        """Power of the wire hooked past the meter, in W."""
        return round(self._gate.hook_quanta * WATTS_PER_QUANTUM)

    @hook_w.setter
    def hook_w(self, watts: int) -> None:
        self._set(self._gate._replace(hook_quanta=round(watts / WATTS_PER_QUANTUM)))

    def _set(self, gate: SupplyState) -> None:
        self._gate = gate._replace(since_s=self._cursor_s)
        if self._watched:
            self.gates.append(self._gate)

    def forget_gates_before(self, instant_s: int) -> None:
        """Keep of the past what tells the gate from `instant_s` on."""
        needed = bisect_right(self.gates, instant_s, key=lambda gate: gate.since_s) - 1
        del self.gates[: max(needed, 0)]

    def run_to(self, instant_s: int) -> None:
        """Draw up to an instant under the present state of grid and relay."""
        if instant_s < self._cursor_s:
            raise ValueError(f"the supply stands at {self._cursor_s}, {instant_s} is before it")
        if self.grid_on and instant_s > self._cursor_s:
            self.powered_s += instant_s - self._cursor_s
            draw = self.source.between(self._cursor_s, instant_s)
            # An open relay stops the load; the meter sits before it and still sees the voltage.
            self.total += draw if self.relay_closed else Draw(voltage_cvs=draw.voltage_cvs)
            if self._gate.hook_quanta:
                self.total += Draw(hooked_mwh=self._gate.hook_quanta * (instant_s - self._cursor_s))
        self._cursor_s = instant_s

    def now(self) -> InstantaneousReading:
        """The line at the cursor: no voltage without grid, no load through an open relay."""
        if not self.grid_on:
            return InstantaneousReading(0.0, 0.0, 0.0)
        line = self.source.at(self._cursor_s)
        return line if self.relay_closed else InstantaneousReading(0.0, 0.0, line.voltage_v)

    def watts(self) -> float:
        """Active power through the meter at the cursor: constant until the next whole minute."""
        return self.source.watts(self._cursor_s) if self.grid_on and self.relay_closed else 0.0

    def close_interval(self, start_s: int, end_s: int) -> Interval:
        """Close the interval that the meter names by its own clock, write its truth, open the next."""
        opened, powered_before = self._opened
        draw = self.total.since(opened)
        powered_s = self.powered_s - powered_before
        self._opened = (self.total, self.powered_s)
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
            )
        )
        return Interval(draw, powered_s)
