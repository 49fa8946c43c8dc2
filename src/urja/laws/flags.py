"""The law of flags: the flags for inspection are exactly what was done to the meters.

What was done is in the fleet's own files: its journal of inputs (welds, tampers, dead links, failed grids) and its
truth file (energy after a disconnection, energy that bypassed a meter). From them follows what *must* be flagged,
because it was observable for long enough, and what *may* be flagged, because it was done at all (docs/supply.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from urja.laws.connections import Connection
from urja.laws.meter_histories import FOR_EVER_S, Span, meter_histories
from urja.laws.verify import Finding
from urja.meter.fleet import FleetFile
from urja.meter.inputs import Entry
from urja.meter.truth import TruthRecord, distinct

type Named = tuple[str, str]
"""Kind of a flag, and the meter's serial or the transformer's code."""

LAW: Final = "flagged_is_injected"

_SHOWN: Final = 20
_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
_AFTER_CUT_S: Final = 300
"""A read counts as one after a disconnection when its stamp is later by so many seconds (`supply.welds`)."""
_ENOUGH: Final = 3
"""Intervals in which something must be observable before a missing flag is a contradiction."""
_WELD_MWH: Final = 2_000
"""Energy in mWh that shows in two registers truncated to 1 Wh: their difference is then at least 1 Wh."""
_LOSS_PERCENT: Final = 21
_LOSS_W: Final = 315
"""A little above the limits of `readings.queries.overview`, because blocks are truncated as well."""


def examine(
    connection: Connection,
    fleet: FleetFile,
    done: Iterable[Entry],
    records: Iterable[TruthRecord],
    horizon: datetime,
    slack: timedelta,
) -> Finding:
    """Compare the flags at `horizon`, up to which meters and tables are complete, with what was done to the meters.

    `slack` is the business time in which a step may be under way: what is younger need not be flagged yet. Django
    must be configured on the database of `connection`.
    """
    from urja.apps.supply.queries.flags import flagged

    files = _FleetFiles(fleet, list(done), distinct(records), horizon, slack)
    must = dict([*files.tampers_told(), *files.welds_seen(_switched_off(connection)), *files.losses_seen()])
    must |= dict(files.unreachable())
    may = (
        files.tampers()
        | _wrong_phases(fleet)
        | files.welds()
        | files.losses()
        | set(must)
        | files.nearly_unreachable()
    )
    flags = {(flag.kind.value, flag.subject): flag.since_at for flag in flagged(horizon)}
    looked_at = _looked_at(connection)
    return Finding(
        LAW,
        "the flags are exactly what was done to the meters",
        tuple(_contradictions(must, may, flags, looked_at))[:_SHOWN],
    )


def _wrong_phases(fleet: FleetFile) -> set[Named]:
    """Return the faults of phases by the wiring of meters. None must be flagged: most precede the first interval."""
    return {
        (kind, meter.serial)
        for meter in fleet.meters
        for kind, phases in (
            ("phase_missing", meter.wiring.missing),
            ("current_reversed", meter.wiring.reversed),
        )
        if phases
    }


def _contradictions(
    must: Mapping[Named, int], may: set[Named], flags: Mapping[Named, datetime], looked_at: set[Named]
) -> Iterator[str]:
    for (kind, subject), since_s in sorted(must.items()):
        if (kind, subject) not in flags and (kind, subject) not in looked_at:
            yield f"{subject}: {kind} since {datetime.fromtimestamp(since_s, UTC)} is not flagged; {_of(subject, flags)}"
    for (kind, subject), since_at in sorted(flags.items()):
        if (kind, subject) not in may:
            yield f"{subject} is flagged for {kind} since {since_at.astimezone(UTC)}, and it was not done"


def _of(subject: str, flags: Mapping[Named, datetime]) -> str:
    kinds = sorted(kind for kind, flagged in flags if flagged == subject)
    return f"it is flagged for {', '.join(kinds)}" if kinds else "it has no flag"


# -- the tables ---------------------------------------------------------------------------------------------


def _switched_off(connection: Connection) -> dict[str, list[Span]]:
    """Return by serial when the meter's relay was confirmed open: from a disconnection to the next connect command."""
    rows = connection.execute(
        "SELECT d.serial, c.kind, extract(epoch FROM c.issued_at)::bigint, extract(epoch FROM c.ended_at)::bigint, "
        "c.state FROM commands_command c JOIN assets_device d ON d.id = c.device_id "
        "WHERE c.kind IN ('connect', 'disconnect') ORDER BY d.serial, c.sequence"
    ).fetchall()
    found: dict[str, list[Span]] = defaultdict(list)
    for (serial, kind, _, ended_s, state), after in pairwise([*rows, None]):
        if kind == "disconnect" and state == "confirmed":
            until = after[2] if after is not None and after[0] == serial else FOR_EVER_S
            found[serial].append((ended_s + _AFTER_CUT_S, until))
    return found


def _looked_at(connection: Connection) -> set[Named]:
    """Return the flags whose work orders are closed: they were flagged, and are no longer."""
    return set(
        connection.execute(
            "SELECT w.kind, d.serial FROM work_order w JOIN assets_device d ON d.id = w.device_id "
            "WHERE w.closed_at IS NOT NULL"
        ).fetchall()
    )


# -- the fleet's files -----------------------------------------------------------------------------------


class _FleetFiles:
    """The fleet's own files, reduced to what can be observed remotely."""

    def __init__(
        self,
        fleet: FleetFile,
        done: list[Entry],
        records: list[TruthRecord],
        horizon: datetime,
        slack: timedelta,
    ) -> None:
        self.horizon_s = int(horizon.timestamp())
        self.judged_s = self.horizon_s - int(slack.total_seconds())
        self.pasts = meter_histories(fleet, done, horizon)
        self.on = {
            t.id: [m.serial for m in fleet.meters if m.transformer == t.id] for t in fleet.transformers
        }
        self.posts = {t.id: t.meter for t in fleet.transformers if t.meter is not None}
        self.records: dict[str, list[TruthRecord]] = defaultdict(list)
        for record in records:
            if record.closed_at_s <= self.horizon_s:
                self.records[record.serial].append(record)

    def tampers_told(self) -> Iterator[tuple[Named, int]]:
        """Yield tampers that the meter could report, by its alert, or by its counter and log where the alert was
        lost.
        """
        for serial, past in self.pasts.items():
            for kind, begun in past.tampered.items():
                reported = [at for at in begun if self._heard_since(serial, at) >= _ENOUGH]
                if reported:
                    yield (kind, serial), reported[0]

    def _heard_since(self, serial: str, at_s: int) -> int:
        """Return how many intervals have ended since an instant while the meter was reachable."""
        past = self.pasts[serial]
        return sum(
            at_s < record.closed_at_s <= self.judged_s
            and past.is_there(record.closed_at_s - 60, record.closed_at_s + 60)
            for record in self.records[serial]
        )

    def tampers(self) -> set[Named]:
        return {(kind, serial) for serial, past in self.pasts.items() for kind in past.tampered}

    def welds_seen(self, off: Mapping[str, list[Span]]) -> Iterator[tuple[Named, int]]:
        """Yield meters with energy after a confirmed disconnection while they were reachable."""
        for serial, spans in off.items():
            past = self.pasts[serial]
            for begins, ends in spans:
                seen = [
                    record.start_s
                    for record in self.records[serial]
                    if begins <= record.start_s
                    and record.closed_at_s <= min(ends, self.judged_s)
                    and record.drawn_mwh >= _WELD_MWH
                    and past.is_there(record.start_s - 60, record.closed_at_s + 60)
                ]
                if len(seen) >= _ENOUGH:
                    yield ("weld_or_bypass", serial), seen[0]

    def welds(self) -> set[Named]:
        return {("weld_or_bypass", serial) for serial, past in self.pasts.items() if past.welded}

    def losses_seen(self) -> Iterator[tuple[Named, int]]:
        """Yield transformers with more theft than they can lose, while every meter behind them was reachable."""
        for code, post in self.posts.items():
            given = self._exported(code)
            seen = [record for record in self.records[post] if self._shows(code, record, given)]
            in_a_row = 1
            for before, after in pairwise(seen):
                in_a_row = in_a_row + 1 if before.end_s == after.start_s else 1
                if in_a_row >= _ENOUGH:
                    yield ("loss", code), before.start_s
                    break

    def losses(self) -> set[Named]:
        since_s = self.horizon_s - _DAY_S - _HOUR_S
        return {
            ("loss", code)
            for code, post in self.posts.items()
            if any(record.hooked_mwh and record.end_s > since_s for record in self.records[post])
        }

    def _shows(self, code: str, record: TruthRecord, given_mwh: Mapping[int, int]) -> bool:
        lost_mwh = record.hooked_mwh + record.lost_mwh
        supplied_mwh = record.drawn_mwh + given_mwh.get(record.start_s, 0)
        length_s = record.end_s - record.start_s
        heard = all(
            self.pasts[serial].is_there(record.start_s, record.end_s + 60)
            for serial in [*self.on[code], self.posts[code]]
            if self.pasts[serial].measures(record.start_s, record.end_s)
        )
        return (
            heard
            and self.horizon_s - _DAY_S <= record.start_s
            and record.closed_at_s <= self.judged_s
            and 100 * lost_mwh > _LOSS_PERCENT * supplied_mwh
            and lost_mwh * 3600 > _LOSS_W * 1000 * length_s
        )

    def _exported(self, code: str) -> dict[int, int]:
        """Return what the premises behind a transformer exported, in mWh by interval."""
        given: dict[int, int] = defaultdict(int)
        for serial in self.on[code]:
            for record in self.records[serial]:
                given[record.start_s] += record.exported_mwh
        return given

    def unreachable(self) -> Iterator[tuple[Named, int]]:
        """Yield meters that were unreachable for the whole of the last day."""
        for serial, past in self.pasts.items():
            if past.is_installed(self.horizon_s) and past.is_away(self.horizon_s - _DAY_S, self.horizon_s):
                yield (
                    ("not_communicating", serial),
                    max(begins for begins, _ in past.away if begins < self.horizon_s),
                )

    def nearly_unreachable(self) -> set[Named]:
        """Return meters unreachable for nearly a day: the last interval may be missing as well."""
        begins, ends = self.horizon_s - _DAY_S + _HOUR_S, min(self.judged_s, self.horizon_s - _HOUR_S)
        return {
            ("not_communicating", serial) for serial, past in self.pasts.items() if past.is_away(begins, ends)
        }
