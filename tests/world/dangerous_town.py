"""The demonstration, with processes killed and stopped at seeded moments: `python -m tests.world.dangerous_town SEED FOLDER`.

A process of its own, as the demonstration is: it sets Django up for its own database. The report gets two more
fields, `killed` and `stopped`. Exit 0 where all laws held.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from pathlib import Path

from urja.base import log
from urja.base.ports import free_port
from urja.demo.command import demo_settings
from urja.demo.town_run import Plan, TownRun
from urja.site.supervisor.installation import HEADEND, NATS, PIPELINE, POSTGRES

VICTIMS = (HEADEND, PIPELINE, POSTGRES, NATS)
SPEED = 600.0
SECONDS = 12.0
INTERVAL_S = 1800
STOPPED_S = 0.6


class DangerousTown(TownRun):
    """A town whose system is killed, process by process, while it lives."""

    async def _until(self, stopping):
        trouble = asyncio.create_task(self._kill_and_stop())
        try:
            interrupted = await super()._until(stopping)
        finally:
            self.killed, self.stopped = await trouble
        await self._meet_again()
        return interrupted

    async def _meet_again(self) -> None:
        """Every meter is on line and has pushed since: a head end knows a connection by its first push."""
        async with asyncio.timeout(60):
            while (await self._order("status"))["linked"] < self.plan.meters:  # noqa: ASYNC110 - no event announces it
                await asyncio.sleep(0.2)
        await asyncio.sleep(2 * INTERVAL_S / SPEED)

    async def _idle(self):
        """As the demonstration's, but a read that a killed head end held is not waited for.

        The broker gives it out again after two minutes, when its answer is in the books already.
        """
        waiting = await self.installation.backlog()
        return waiting is not None and not any(
            sum(counts.values()) for name, counts in waiting.items() if not name.startswith("REQUESTS")
        )

    async def _kill_and_stop(self) -> tuple[list[str], list[str]]:
        """Each victim killed twice and stopped once, as the seed orders it; a process that is just coming back is spared."""
        chance = random.Random(f"kills {self.plan.seed}")
        actions = [*((victim, "kill") for victim in VICTIMS * 2), *((victim, "stop") for victim in VICTIMS)]
        chance.shuffle(actions)
        killed, stopped = [], []
        for victim, action in actions:
            await asyncio.sleep(SECONDS / len(actions) * chance.uniform(0.4, 1.4))
            pid = self.installation.pid(victim)
            if pid is None:
                continue
            if action == "kill":
                self.installation.kill(victim)
                killed.append(victim)
            else:
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(STOPPED_S)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                stopped.append(victim)
        return killed, stopped


def main() -> int:
    log.configure("kills", "error", json=False)
    seed, folder = int(sys.argv[1]), Path(sys.argv[2])
    report = folder / "report.json"
    plan = Plan(meters=4, speed=SPEED, seconds=SECONDS, seed=seed, report=report)
    town = DangerousTown(plan, demo_settings(free_port()), folder / "data")
    passed = asyncio.run(town.live())
    troubles = {"killed": town.killed, "stopped": town.stopped}
    report.write_text(json.dumps(json.loads(report.read_text()) | troubles))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
