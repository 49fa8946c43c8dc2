"""The load of a distribution transformer: its premises' loads second by second, hooked wires, and its losses.

It is the source behind the transformer's own meter. Nothing is taken from the consumers' meters: their load curves
and the past states of their supplies are summed, so that a meter that measures wrongly changes nothing here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from urja.meter.load import (
    DAY_S,
    GRID_ANGLES_DEG,
    WATTS_PER_QUANTUM,
    Draw,
    Household,
    InstantaneousReading,
    PhaseDraw,
    PhaseReading,
    split_at_midnights,
)
from urja.meter.surroundings import Transformer
from urja.meter.three_phase_load import PHASES, ThreePhaseLoad
from urja.meter.truth import Supply

type _Ints = npt.NDArray[np.int64]

_MINUTE_S: Final = 60
_VOLTAGE_CV: Final = 23_800
"""Hundredths of a volt at the transformer's terminals."""


def _nothing_to_settle(_instant_s: int) -> None:
    """The `settle` of a premise whose switch moves by orders only."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One premise on the transformer.

    `settle` runs a meter whose switch moves by itself up to an instant, so that the past states of its supply are
    complete.
    """

    household: Household | ThreePhaseLoad
    supply: Supply
    settle: Callable[[int], None] = _nothing_to_settle

    def powers(self, day: int, minutes: _Ints, phase: int | None) -> tuple[_Ints, _Ints]:
        """Return net and apparent power in some minutes of a local day in quanta: of all phases, or of one of three."""
        if phase is not None and isinstance(self.household, ThreePhaseLoad):
            one_net, one_apparent = self.household.phase_powers(day, phase)
            return one_net[minutes], one_apparent[minutes]
        curve = self.household.day(day)
        net, apparent = curve.quanta[minutes].astype(np.int64), curve.va_quanta[minutes].astype(np.int64)
        if curve.export_quanta is not None and curve.export_va_quanta is not None:
            net -= curve.export_quanta[minutes]
            apparent += curve.export_va_quanta[minutes]
        return net, apparent


@dataclass(slots=True)
class _Flow:
    """Powers in pieces of time in which they are constant, in quanta, and the lengths of the pieces in seconds."""

    seconds: _Ints
    net: _Ints
    apparent: _Ints
    hooked: _Ints = field(init=False)

    def __post_init__(self) -> None:
        self.hooked = np.zeros_like(self.net)


class TransformerLoad:
    """The load of a transformer. Its meter's supply requests consecutive times."""

    def __init__(
        self, transformer: Transformer, branches: Sequence[Branch], utc_offset_s: int, *, phases: int = 1
    ) -> None:
        """Create the load of a transformer; with three phases its meter also sees each of them.

        Single-phase premises are on the phases in turn, as an electrician spreads them.
        """
        self.transformer = transformer
        self._phases = phases
        self._lost_mwh = 0
        self.branches = tuple(branches)
        self._utc_offset_s = utc_offset_s
        self._no_load = round(transformer.no_load_w / WATTS_PER_QUANTUM)
        self._load_loss = round(transformer.load_loss_w / WATTS_PER_QUANTUM)
        self._rated_square = max(round(transformer.rated_va / WATTS_PER_QUANTUM), 1) ** 2
        self._square_seconds = 0
        """Apparent power squared times time since the beginning, in quanta² s: what heats the windings."""

    def between(self, start_s: int, end_s: int) -> Draw:
        """Return what flows from `start_s` to `end_s` (Unix seconds, half open) with the transformer energised."""
        for branch in self.branches:
            branch.settle(end_s)
        total = Draw()
        for day, start, stop in split_at_midnights(start_s + self._utc_offset_s, end_s + self._utc_offset_s):
            total += self._over(day, start, stop)
        for branch in self.branches:
            branch.supply.forget_states_before(end_s)
        return total

    def at(self, instant_s: int) -> InstantaneousReading:
        """Return the instantaneous values in W, VA and V, losses included."""
        day, second = divmod(instant_s + self._utc_offset_s, DAY_S)
        flow = self._flow(day, second, second + 1)
        net, apparent = int(flow.net[0]), int(flow.apparent[0])
        loss = self._no_load + self._load_loss * apparent * apparent / self._rated_square
        by_phase = [self._flow(day, second, second + 1, phase) for phase in self._of_each()]
        return InstantaneousReading(
            (max(net, 0) + loss) * WATTS_PER_QUANTUM,
            (apparent + loss) * WATTS_PER_QUANTUM,
            _VOLTAGE_CV / 100,
            max(-net, 0) * WATTS_PER_QUANTUM,
            float(_reactive(flow)[0]) * WATTS_PER_QUANTUM if by_phase else 0.0,
            tuple(
                PhaseReading(
                    (int(one.net[0]) + loss / PHASES) * WATTS_PER_QUANTUM,
                    (int(one.apparent[0]) + loss / PHASES) * WATTS_PER_QUANTUM,
                    _VOLTAGE_CV / 100,
                    GRID_ANGLES_DEG[phase],
                )
                for phase, one in enumerate(by_phase)
            ),
        )

    def _of_each(self) -> range:
        """The phases that its meter sees apart; none for a meter of their sums."""
        return range(PHASES if self._phases == PHASES else 0)

    def watts(self, instant_s: int) -> float:
        """Return the active power out of the transformer and lost in it, in W."""
        return self.at(instant_s).active_w

    def loss_w(self, instant_s: int) -> float:
        """Return the power lost at an instant in the transformer and its lines, in W."""
        day, second = divmod(instant_s + self._utc_offset_s, DAY_S)
        apparent = int(self._flow(day, second, second + 1).apparent[0])
        return (self._no_load + self._load_loss * apparent**2 / self._rated_square) * WATTS_PER_QUANTUM

    def _over(self, day: int, start: int, stop: int) -> Draw:
        flow = self._flow(day, start, stop)
        lost = self._lose(flow, stop - start)
        drawn = int((np.maximum(flow.net, 0) * flow.seconds).sum())
        given = int((np.maximum(-flow.net, 0) * flow.seconds).sum())
        apparent = int((flow.apparent * flow.seconds).sum())
        return Draw(
            energy_mwh=drawn + lost,
            apparent_mvah=max(apparent - given, 0) + lost,
            voltage_cvs=_VOLTAGE_CV * (stop - start),
            exported_mwh=given,
            exported_mvah=given,
            hooked_mwh=int((flow.hooked * flow.seconds).sum()),
            lost_mwh=lost,
            phases=self._phase_draw(day, start, stop, flow, lost) if self._of_each() else None,
        )

    def _phase_draw(self, day: int, start: int, stop: int, flow: _Flow, lost: int) -> PhaseDraw:
        """Return reactive energy by quadrant and the volt-amperes of the phases; a third of the losses is in each.

        Apparent powers are summed as numbers, so reactive energy counts as lagging: quadrant 1 or 2.
        """
        reactive = _reactive(flow) * flow.seconds
        with_import = flow.net >= 0
        # The running sum is cut once, so that the steps in which time passes do not change the total.
        before, self._lost_mwh = self._lost_mwh, self._lost_mwh + lost
        third = self._lost_mwh // PHASES - before // PHASES
        flows = (self._flow(day, start, stop, phase) for phase in self._of_each())
        one, two, three = (int((each.apparent * each.seconds).sum()) + third for each in flows)
        volts = _VOLTAGE_CV * (stop - start)
        return PhaseDraw(
            q1_mvarh=int(reactive[with_import].sum()),
            q2_mvarh=int(reactive[~with_import].sum()),
            apparent_mvah_l1=one,
            apparent_mvah_l2=two,
            apparent_mvah_l3=three,
            voltage_cvs_l1=volts,
            voltage_cvs_l2=volts,
            voltage_cvs_l3=volts,
        )

    def _lose(self, flow: _Flow, seconds: int) -> int:
        """Return the energy lost, in mWh.

        The square of a constant power adds up over any split of its time, and the running sum is rounded once, so
        that the steps in which time passes do not change the total.
        """
        before = self._load_loss * self._square_seconds // self._rated_square
        self._square_seconds += int((flow.apparent**2 * flow.seconds).sum())
        return self._no_load * seconds + self._load_loss * self._square_seconds // self._rated_square - before

    def _flow(self, day: int, start: int, stop: int, phase: int | None = None) -> _Flow:
        """Return the premises' powers over [start, stop) of a local day, split at minutes and changes of a supply.

        Of all phases together, or of one.
        """
        origin = day * DAY_S - self._utc_offset_s
        edges = [np.array([start, stop]), np.arange(start - start % _MINUTE_S + _MINUTE_S, stop, _MINUTE_S)]
        edges += [
            np.array([gate.since_s - origin for gate in branch.supply.gates]) for branch in self.branches
        ]
        cuts = np.unique(np.concatenate(edges))
        cuts = cuts[(cuts >= start) & (cuts <= stop)]
        pieces = cuts[:-1]
        flow = _Flow(np.diff(cuts), np.zeros(len(pieces), np.int64), np.zeros(len(pieces), np.int64))
        for number, branch in enumerate(self.branches):
            is_here = phase in (None, number % PHASES)
            if is_here or isinstance(branch.household, ThreePhaseLoad):
                _add(
                    flow, branch, branch.powers(day, pieces // _MINUTE_S, phase), origin, pieces, hook=is_here
                )
        # Apparent powers are summed as numbers and active powers with their signs; apparent power is never below
        # active.
        flow.apparent = np.maximum(flow.apparent, np.abs(flow.net))
        return flow


def _reactive(flow: _Flow) -> _Ints:
    """Return the reactive power of each piece in quanta, cut downwards."""
    square = flow.apparent.astype(np.float64) ** 2 - flow.net.astype(np.float64) ** 2
    reactive: _Ints = np.sqrt(np.maximum(square, 0)).astype(np.int64)
    return reactive


def _add(
    flow: _Flow, branch: Branch, powers: tuple[_Ints, _Ints], origin: int, pieces: _Ints, *, hook: bool
) -> None:
    """Add one premise: its powers while its contacts are closed, and a hooked wire whenever there is voltage.

    What a generator of the premise supplies does not pass the transformer.
    """
    gates = branch.supply.gates
    since = np.array([gate.since_s - origin for gate in gates])
    # States that nothing needs any more were removed: before the first known one, that state applies.
    which = np.maximum(np.searchsorted(since, pieces, "right") - 1, 0)
    powered = np.array([gate.grid_on and not gate.from_generator for gate in gates])[which]
    through = powered & np.array([gate.relay_closed for gate in gates])[which]
    hooked = np.array([gate.hook_quanta * hook for gate in gates])[which] * powered
    net, apparent = powers
    flow.net += net * through + hooked
    flow.apparent += apparent * through + hooked
    flow.hooked += hooked
