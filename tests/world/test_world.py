"""Days of a town in seconds, with everything that can go wrong on the way; then every law holds."""

from dataclasses import replace

import pytest
from tests.world.world import BAD_LINES, MONDAY, MONTH_END, World

from urja.meter.faults import FaultRates

DARK = replace(BAD_LINES, power_cut=0.02, dark_intervals=8)
"""Bad lines and outages; both types' habits are on the town."""

WRONG_CLOCKS = replace(BAD_LINES, drift_ppm=(-18_000, -3000, -40, 0, 40, 3000, 18_000))
"""From seconds a day to almost half an hour, fast and slow; clocks are set at noon and after an outage.

A step of more than an interval leaves intervals that no meter has measured: those stay listed as missing.
"""

AWAY = replace(BAD_LINES, database_away=0.06, broker_away=0.04, head_end_restarts=0.04)

EVERYTHING = replace(
    AWAY,
    pushes=FaultRates(lose=0.15, duplicate=0.2, delay=0.2, delay_s=0.5, reorder=0.2),
    power_cut=0.01,
    drift_ppm=(-18_000, -40, 0, 40, 18_000),
)


async def lived(ground, days, *, stride=1, **world) -> tuple[World, dict[str, bool], tuple[str, ...]]:
    async with World.raised(ground, **world) as town:
        await town.live(days, stride=stride)
        await town.come_to_rest()
        findings = await town.examine()
    story = "\n".join([*town.happened, *findings.faults, str(findings.figures)])
    assert town.settled, f"does not come to rest: {town.awaited}\n{story}"
    assert [law for law, holds in findings.laws.items() if not holds] == [], story
    return town, findings


MONEY = """
SELECT serial || ' ' || line || ': ' || count(*) || ' entries, ' || sum(amount_minor) FROM books_entry entry
JOIN contracts_agreement agreement ON agreement.id = agreement_id
JOIN assets_device_period period USING (service_point_id)
JOIN assets_device device ON device.id = device_id
GROUP BY serial, line ORDER BY 1
"""
BY_TIME = {"pushes_accepted", "readings_stored"}
"""What a slow machine does not take in time is pulled."""


def report(ground, findings) -> str:
    """Figures, and the money of each meter: of a seed without trouble the same each time."""
    figures = [f"{name}: {value}" for name, value in findings.figures.items() if name not in BY_TIME]
    with ground.database.connect() as connection:
        money = [line for (line,) in connection.execute(MONEY)]
    return "\n".join([*figures, *money]) + "\n"


STATED = """
SELECT count(*), count(DISTINCT s.agreement_id), min(s.period_start)::text, max(s.period_end)::text,
    bool_and(s.total_minor = (SELECT -sum(amount_minor) FROM books_entry e WHERE e.agreement_id = s.agreement_id
        AND e.period_start = s.period_start AND e.origin = 'engine'))
FROM statements_statement s WHERE NOT EXISTS (SELECT FROM statements_statement r WHERE r.revises_id = s.id)
"""


async def test_each_supply_has_a_statement_after_a_months_end(ground):
    await lived(ground, 3, start=MONTH_END, stride=4)
    with ground.database.connect() as connection:
        (agreements,) = connection.execute("SELECT count(*) FROM contracts_agreement").fetchone()
        found = connection.execute(STATED).fetchone()
    assert found == (agreements, agreements, "2026-03-01", "2026-04-01", True)


async def test_on_calm_days_every_push_is_accepted_and_stored(ground, oracle):
    town, findings = await lived(ground, 1)
    oracle("worlds/calm.txt", report(ground, findings))
    status = town.fleet.status()
    assert findings.figures["pushes_accepted"] == town.witness.count == status["pushes_sent"]
    assert findings.figures["energy_drawn_wh"] == findings.figures["energy_stored_wh"] > 0
    assert findings.figures["intervals_missing"] == 0


async def test_meters_behind_one_line_are_billed_by_what_is_pulled(ground, oracle):
    """Sub-meters on an RS-485 line push nothing: every interval and register of theirs is read."""
    town, findings = await lived(ground, 1, seed=8, dialling=1, listening=0, behind_line=3)
    oracle("worlds/line.txt", report(ground, findings))
    assert findings.figures["energy_drawn_wh"] == findings.figures["energy_stored_wh"] > 0
    assert findings.figures["intervals_missing"] == 0
    behind = [station for station in town.fleet.stations.values() if station.meter.identity.place]
    assert [station.counts.sent for station in behind] == [0, 0, 0]


async def test_meters_that_push_without_a_tag_are_billed_by_what_is_read_of_them(ground):
    town, findings = await lived(ground, 1, seed=9, dialling=3, listening=0, tagless=2)
    assert findings.figures["energy_drawn_wh"] == findings.figures["energy_stored_wh"] > 0
    assert findings.figures["intervals_missing"] == 0
    sent = [station.counts.sent for station in town.fleet.stations.values()]
    assert findings.figures["pushes_accepted"] == town.witness.count < sum(sent)


def alone(*trouble: object) -> object:
    """A trouble that "everything" has among others: alone it says which one it was."""
    return pytest.param(*trouble, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "seed", "trouble", "days", "start"),
    [
        alone("bad lines", 2, BAD_LINES, 3, MONDAY),
        alone("over a month's end", 3, BAD_LINES, 3, MONTH_END),
        alone("outages", 4, DARK, 3, MONDAY),
        alone("wrong clocks", 5, WRONG_CLOCKS, 3, MONDAY),
        alone("database, broker and head end away", 6, AWAY, 3, MONDAY),
        ("everything", 7, EVERYTHING, 2, MONTH_END),
        ("slow at midnight", 114, EVERYTHING, 2, MONDAY),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
async def test_after_days_of_trouble_every_law_holds(ground, name, seed, trouble, days, start):
    await lived(ground, days, seed=seed, trouble=trouble, start=start)


@pytest.mark.slow
async def test_after_trouble_with_meters_behind_a_line_every_law_holds(ground):
    await lived(ground, 2, seed=9, trouble=EVERYTHING, dialling=1, listening=1, behind_line=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
async def test_soak(ground, seed):
    """Many worlds of many troubles; a seed that fails moves up into the kept ones."""
    trouble = (BAD_LINES, DARK, WRONG_CLOCKS, AWAY, EVERYTHING)[seed % 5]
    start = (MONDAY, MONTH_END)[seed % 2]
    await lived(ground, 4, seed=seed, trouble=trouble, start=start, dialling=3, listening=2)
