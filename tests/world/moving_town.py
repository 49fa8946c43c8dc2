"""A stepped town in which people move, a meter burns and a load is raised, by the clerks of the demonstration."""

from datetime import datetime
from typing import Any

import msgspec
from tests.world.town_world import TownWorld, _installed
from tests.world.world import ZONE

from urja.demo import clerks
from urja.demo.clerks import Clerks, TownEvents
from urja.laws import energy_ownership as registry_laws
from urja.laws.verify import Finding
from urja.meter.control_socket import answer_line
from urja.meter.identity import seeded_identity
from urja.meter.truth import read_truth

LOAD_W = 7000


class MovingTown(TownWorld):
    """As any town, with a spare meter in a box, the stages that answer requests, and clerks."""

    clerks: Clerks

    @property
    def spare(self) -> str:
        return f"{self.seed:03d}S0001"

    async def _move_in(self) -> None:
        await super()._move_in()
        fates = TownEvents.of(self.seed, [house.serial for house in self.town.houses], self.spare, LOAD_W)
        burns = next(house.meter for house in self.town.houses if house.serial == fates.burns)
        spare = seeded_identity(self.spare, "urja-d1", self.seed * 1000 + 900)
        # Another meter before the same household.
        spare = msgspec.structs.replace(
            spare, seed=burns.seed, life=burns.life, transformer=burns.transformer, boxed=True
        )
        self.meters = [*self.meters, spare]
        await self.in_thread(_into_stock, spare, self.clock.now())
        self.clerks = Clerks(
            fates, self.clock.now(), self._order, self._file, self._look, ZONE, "demo-domestic"
        )

    async def _order(self, do: str, **arguments: Any) -> dict[str, Any]:
        """As over the fleet's control."""
        answer = await answer_line(self.fleet, msgspec.json.encode({"do": do, **arguments}))
        assert answer.pop("ok"), answer
        return answer

    async def _file(self, operation: Any, now: datetime) -> list[str]:
        number = await self.in_thread(clerks.file_request, operation, now)
        await self._stages("register")
        answered, faults = await self.in_thread(clerks.request_outcome, number)
        assert answered, operation
        self.happened.append(f"{now} {operation} {faults}")
        return faults

    async def _look(self, serial: str) -> clerks.MeterState:
        return await self.in_thread(clerks.meter_state, serial)

    async def run_stages(self) -> None:
        await self.clerks.work(self.clock.now())
        await self._stages("project", "commission", "configure")
        await super().run_stages()
        await self._stages("commission", "configure")

    async def _others(self) -> list[Finding]:
        return [*await super()._others(), *await self.in_thread(self._registry)]

    def _registry(self) -> list[Finding]:
        self.fleet.flush()
        records = read_truth(self.ground.folder / "truth.jsonl")
        with self.ground.database.connect() as connection:
            return [
                *registry_laws.examine(connection, self.clock.now(), str(ZONE)),
                *registry_laws.examine_truth(connection, records, self.horizon, ZONE),
            ]


def _into_stock(meter: Any, now: datetime) -> None:
    from urja.usecases.kinds.stock import Delivered
    from urja.usecases.operations import ReceiveDevices, perform

    told = _installed(meter, None, now)
    delivered = Delivered(
        max_power_w=15_000, **{name: told[name] for name in told if name in Delivered.__struct_fields__}
    )
    delivery = ReceiveDevices(delivery="D-1", store="the van", devices=(delivered,))
    perform(delivery, recorded_at=now, actor="world")
