"""People move, a meter burns, a load is raised: every law holds, and each new one is seen to fail."""

from tests.world.moving_town import LOAD_W, MovingTown
from tests.world.town_world import HOUR
from tests.world.world import MONDAY

SEED = 1


async def test_a_day_of_a_town_in_which_much_changes(ground):
    async with MovingTown.opened(ground, seed=SEED) as town:
        await town.live_until(MONDAY + 20 * HOUR)
        assert town.clerks.done
        assert town.clerks.refused == [], town.clerks.told
        await town.come_to_rest()
        findings = await town.examine()
        limits = {
            house["serial"]: house["load_limit_w"]
            for house in (await town._order("houses", serials=[town.clerks.fates.grows]))["houses"]
        }
    story = "\n".join([*town.happened, *findings.faults, str(findings.figures)])
    assert town.settled, f"does not come to rest: {town.awaited}\n{story}"
    assert [law for law, holds in findings.laws.items() if not holds] == [], story
    assert findings.figures["recharges_paid"] == findings.figures["recharges_credited"] >= 1, story
    assert limits == {town.clerks.fates.grows: LOAD_W}
