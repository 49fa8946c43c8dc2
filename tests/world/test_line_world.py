"""A housing society's sub-meters on one RS-485 line: they push nothing, and are billed, cut and connected by sessions."""

from dataclasses import replace

import msgspec
from tests.world.town_world import HOUR, Town, TownWorld
from tests.world.world import MONDAY

from urja.base.ports import free_port


def society(seed: int) -> Town:
    """The eight houses of a town, each at its physical address of one line of HDLC behind a gateway."""
    town, line = Town.of(seed), f"tcp://127.0.0.1:{free_port()}"

    def on_line(number: int, meter):
        place = f"{line}?address={100 + number}"
        return msgspec.structs.replace(meter, device_type="urja-d1-listen", listen=place)

    houses = [replace(house, meter=on_line(n, house.meter)) for n, house in enumerate(town.houses)]
    return replace(town, houses=tuple(houses))


async def test_sub_meters_behind_a_line_are_cut_and_connected_by_the_rules(ground):
    async with TownWorld.opened(ground, seed=1, town=society(1), manipulations=[]) as town:
        await town.live_until(MONDAY + 10 * HOUR)
        await town.come_to_rest()
        findings = await town.examine()
    story = "\n".join([*town.happened, *findings.faults, str(findings.figures)])
    assert town.settled, f"does not come to rest: {town.awaited}\n{story}"
    assert [law for law, holds in findings.laws.items() if not holds] == [], story
    figures = findings.figures
    assert figures["disconnects"] >= figures["reconnects"] >= 1, story
    assert figures["energy_drawn_wh"] == figures["energy_stored_wh"] > 0
    assert sum(town.fleet.stations[house.serial].counts.sent for house in town.town.houses) == 0
