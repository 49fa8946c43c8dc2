"""A small town whose people leave paying to a test: `python -m tests.browser.running_town FOLDER`.

A process of its own, as the demonstration is. Two of its three houses are almost out of credit. It says one JSON line
when the town stands, and another when both are disconnected; from then on time runs slowly, so that they do not run out again.
It ends with SIGTERM.
"""

import asyncio
import dataclasses
import json
import sys
import time
from pathlib import Path

import msgspec

from urja.base import log
from urja.base.clock import Anchor
from urja.base.ports import free_port
from urja.demo.command import demo_settings
from urja.demo.stand_ins import RESIDENTS
from urja.demo.town import Town
from urja.demo.town_run import Plan, TownRun
from urja.meter.surroundings import LinkOptions

FAST, SLOW = 400.0, 60.0
POOR = 2


def leave_paying_to_others(town: Town) -> Town:
    """The first houses draw much and have one rupee; no household recharges by habit."""
    houses = [dataclasses.replace(house, habit="never", language="en") for house in town.houses]
    for number, house in enumerate(houses[:POOR]):
        # On a wire: what is looked at is the loop, not the latency of a radio.
        meter = msgspec.structs.replace(house.meter, life="heavy", link=LinkOptions())
        houses[number] = dataclasses.replace(house, meter=meter, credit_minor=100, sanctioned_load_w=5000)
    return dataclasses.replace(town, houses=houses)


class WatchedTown(TownRun):
    """A town with a bank that answers at once and a messenger that loses nothing; webhooks have their faults."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        super().__init__(plan, demo_settings(free_port()), folder)
        self.town = leave_paying_to_others(self.town)

    def _children(self):
        calm = {"payments": {}, "messages": {"usual_s": [20.0, 60.0]}}
        return [
            dataclasses.replace(
                child,
                arguments=child.arguments
                | {name: calm[name] for name in calm.keys() & child.arguments.keys()},
            )
            for child in super()._children()
        ]

    async def _raise(self) -> None:
        await super()._raise()
        await self.installation.stop_child(RESIDENTS)

    def _announce(self) -> None:
        web = self.installation.settings.web
        poor = [{"email": house.email, "serial": house.meter.serial} for house in self.town.houses[:POOR]]
        tell({"url": f"http://{web.host}:{web.port}", "poor": poor})

    async def _until(self, stopping: "asyncio.Task[bool]") -> bool:
        watching = asyncio.create_task(self._watch_the_lights())
        failing = asyncio.create_task(self.installation.wait_failed())
        try:
            while not stopping.done():
                tasks = {stopping, failing} | ({watching} if not watching.done() else set())
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if failing.done():
                    raise failing.result()
                if watching.done():
                    watching.result()
        finally:
            watching.cancel()
            failing.cancel()
        return True

    async def _watch_the_lights(self) -> None:
        poor = {house.meter.serial for house in self.town.houses[:POOR]}
        powered = poor
        while powered:
            await asyncio.sleep(0.2)
            houses = (await self._order("houses"))["houses"]
            powered = {house["serial"] for house in houses if house["supplied"]} & poor
        self.installation.anchor_clock(Anchor(time.time(), self.installation.clock.now().timestamp(), SLOW))
        tell({"disconnected": sorted(poor)})


def tell(said: dict) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def main() -> None:
    log.configure("town", "warning", json=False)
    plan = Plan(meters=3, speed=FAST, seconds=None, seed=1, report=None)
    asyncio.run(WatchedTown(plan, Path(sys.argv[1])).live())


if __name__ == "__main__":
    main()
