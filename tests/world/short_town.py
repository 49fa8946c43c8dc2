"""The demonstration from its start to its laws: `python -m tests.world.short_town SEED FOLDER [METERS SECONDS]`.

Hands are laid on three of its meters first, as the town's page lets any visitor: the law of flags looks for it. A process
of its own, as the demonstration is. Time is up when the seconds are over and a disconnected household has paid and has
light again, so that a slow machine sees the whole loop as well. Exit 0 where all laws held.
"""

import asyncio
import sys
import time
from pathlib import Path

import psycopg

from urja.base import log
from urja.base.ports import free_port
from urja.demo import town_laws
from urja.demo.command import demo_settings
from urja.demo.town_run import Plan, TownRun

SPEED = 600.0
METERS, SECONDS = 10, 12.0
PATIENCE_S = 300.0


class ShortTown(TownRun):
    """A demonstration that ends when it has shown the loop."""

    async def _until(self, stopping):
        first, second, third = (house.meter.serial for house in self.town.houses[:3])
        await self._order("weld", serials=[first])
        await self._order("tamper", serials=[second], switch="cover")
        await self._order("hook", serials=[third], watts=6000)
        interrupted = await super()._until(stopping)
        give_up = time.monotonic() + PATIENCE_S
        while not interrupted and time.monotonic() < give_up and not await self._came_round():
            await asyncio.wait({stopping}, timeout=0.5)
            interrupted = stopping.done()
        return interrupted

    async def _came_round(self) -> bool:
        return await asyncio.to_thread(self._reconnected) > 0

    def _reconnected(self) -> int:
        with psycopg.connect(self.installation.secrets.database_owner) as connection:
            return town_laws.figures(connection, [])["reconnects"]


def main() -> int:
    log.configure("town", "error", json=False)
    seed, folder = int(sys.argv[1]), Path(sys.argv[2])
    meters, seconds = (int(sys.argv[3]), float(sys.argv[4])) if len(sys.argv) > 3 else (METERS, SECONDS)
    plan = Plan(meters=meters, speed=SPEED, seconds=seconds, seed=seed, report=folder / "report.json")
    town_run = ShortTown(plan, demo_settings(free_port()), folder / "data")
    return 0 if asyncio.run(town_run.live()) else 1


if __name__ == "__main__":
    sys.exit(main())
