"""The town of a fleet: which premise is on which transformer and feeder, and the state that the demo's map shows."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from urja.meter.gas_engine import GasEngine
from urja.meter.identity import Identity
from urja.meter.load import Household
from urja.meter.meter import Meter
from urja.meter.station import Station
from urja.meter.surroundings import Transformer
from urja.meter.three_phase_load import ThreePhaseLoad
from urja.meter.transformer import Branch, TransformerLoad


class Town:
    """Transformers and premises of one fleet.

    `stations` is filled while the fleet creates its meters, those of premises first.
    """

    def __init__(
        self, transformers: Iterable[Transformer], meters: Iterable[Identity], stations: Mapping[str, Station]
    ) -> None:
        self._transformers = {transformer.id: transformer for transformer in transformers}
        self._measured = {t.meter: t for t in self._transformers.values() if t.meter is not None}
        self._stations = stations
        self._houses: dict[str, list[str]] = {name: [] for name in self._transformers}
        for identity in meters:
            if identity.transformer is not None:
                self._houses[identity.transformer].append(identity.serial)

    def measured_by(self, serial: str) -> Transformer | None:
        """Return the transformer that this meter measures; None for a consumer's meter."""
        return self._measured.get(serial)

    def load_behind(self, transformer: Transformer, utc_offset_s: int, phases: int = 1) -> TransformerLoad:
        """Return the load of a transformer; the stations of its premises must exist."""
        branches = [_branch(self._stations[serial].meter) for serial in self._houses[transformer.id]]
        return TransformerLoad(transformer, branches, utc_offset_s, phases=phases)

    def of_transformer(self, name: str) -> list[str]:
        """Return the serials on a transformer, its own meter first; raises ValueError for an unknown transformer."""
        transformer = self._transformers.get(name)
        if transformer is None:
            raise ValueError(f"unknown transformer {name}; known are {', '.join(sorted(self._transformers))}")
        own = [] if transformer.meter is None else [transformer.meter]
        return own + self._houses[name]

    def of_feeder(self, name: str) -> list[str]:
        """Return the serials on a feeder; raises ValueError for an unknown feeder."""
        found = [t.id for t in self._transformers.values() if t.feeder == name]
        if not found:
            raise ValueError(f"unknown feeder {name}")
        return [serial for transformer in found for serial in self.of_transformer(transformer)]

    # The state for the map. Keys are part of the control socket's answers (docs/meter.md).

    def house(self, station: Station) -> dict[str, object]:
        """Return one meter and the supply behind it, at the instant its meter has reached; power in W, registers in
        Wh.
        """
        meter = station.meter
        engine, identity, measured = meter.engine, meter.identity, self.measured_by(meter.identity.serial)
        hangs_on = measured or self._transformers.get(identity.transformer or "")
        line = engine.supply.now()
        return {
            "serial": identity.serial,
            "life": None if measured else identity.life,
            "transformer": None if hangs_on is None else hangs_on.id,
            "feeder": None if hangs_on is None else hangs_on.feeder,
            "measures": None if measured is None else measured.id,
            "powered": meter.powered,
            "supplied": meter.powered and engine.switch.conducts,
            "output": engine.switch.closed,
            "control_state": int(engine.switch.state),
            "control_mode": engine.switch.mode,
            "welded": engine.switch.welded,
            "load_limit_w": engine.load_limit_w,
            "overload": engine.guard.state.value if engine.guard and engine.watches_overload else None,
            "active_w": round(line.active_w),
            "exporting_w": round(line.exporting_w),
            "register_wh": engine.metrology.import_mwh() // 1000,
            "register_l": engine.metrology.line_litres() if isinstance(engine, GasEngine) else None,
            "from_generator": engine.generator_on if identity.type.generator else None,
            "module": engine.module_state() if isinstance(engine, GasEngine) else None,
            "lived_to": datetime.fromtimestamp(engine.true_s, UTC).isoformat(),
            "hook_w": engine.supply.hook_w,
            "tampers": sorted(engine.tampers),
            "outages": sorted(engine.outages),
            "reachable": station.reachable,
            "linked": station.linked,
        }

    def transformers(self, names: list[str] | None) -> list[dict[str, object]]:
        """Return each transformer named, or all: its load, its losses, and what its premises' meters measure, in W.

        Raises ValueError for an unknown transformer.
        """
        chosen = list(self._transformers) if names is None else names
        return [self._transformer(name) for name in chosen]

    def _transformer(self, name: str) -> dict[str, object]:
        serials = self.of_transformer(name)
        transformer = self._transformers[name]
        houses = [self._stations[serial].meter.engine.supply for serial in self._houses[name]]
        on_grid = [house for house in houses if house.grid_on and not house.from_generator]
        metered_w = sum(house.now().active_w - house.now().exporting_w for house in on_grid)
        hooked_w = sum(house.hook_w for house in on_grid)
        own = None if transformer.meter is None else self._stations[transformer.meter].meter.engine.supply
        powered = own.grid_on if own is not None else any(house.grid_on for house in houses)
        loss_w = 0.0
        if own is not None and own.grid_on and isinstance(own.source, TransformerLoad):
            loss_w = own.source.loss_w(own.cursor_s)
        return {
            "id": name,
            "feeder": transformer.feeder,
            "meter": transformer.meter,
            "houses": len(serials) - (transformer.meter is not None),
            "powered": powered,
            "load_w": round(metered_w + hooked_w + loss_w),
            "loss_w": round(loss_w),
            "metered_w": round(metered_w),
            "hooked_w": hooked_w,
        }


def _branch(meter: Meter) -> Branch:
    household = meter.engine.supply.source
    assert isinstance(household, Household | ThreePhaseLoad), "a transformer's load is premises"
    return Branch(household, meter.engine.supply, meter.settle)
