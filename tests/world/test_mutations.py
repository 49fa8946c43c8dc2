"""Each law is seen to fail: production code is made wrong in one place, a world lives with it, its law breaks.

Under all the weathers at once the code as it is keeps every law (the first test). The ledger's own laws are broken in
tests/pipeline/test_laws.py; the world lives with one of those mutations. What only the database's triggers stand
against is tried without them; that they refuse it first is in tests/pipeline/test_laws.py.
"""

import contextlib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
from tests.pipeline import test_laws as books
from tests.world.world import CALM, MONDAY, Trouble, World

from urja.meter.faults import FaultRates
from urja.stream.broker import Broker
from urja.stream.errors import BrokerRefusedError
from urja.stream.records import Source
from urja.stream.subjects import User

type Patch = pytest.MonkeyPatch


# -- weather: what befalls the code, right or wrong ------------------------------------------------------------


def fine(_patch: Patch) -> None:
    """Nothing."""


def every_third_commit_fails(patch: Patch) -> None:
    from urja.pipeline.ingest import Ingester

    apply, turns = Ingester.apply, itertools.count(1)

    def apply_or_fail(self, batches, now, **more):
        if next(turns) % 3 == 0:
            raise psycopg.OperationalError("the database went away")
        return apply(self, batches, now, **more)

    patch.setattr(Ingester, "apply", apply_or_fail)


def every_third_push_batch_is_refused(patch: Patch) -> None:
    publish, turns = Broker.publish_batch, itertools.count(1)

    async def publish_or_refuse(self, kind, shard, records, *rest, **how):
        if self._user == User.HEADEND and records["source"][0] == Source.PUSH and next(turns) % 3 == 0:
            raise BrokerRefusedError("not this one")
        return await publish(self, kind, shard, records, *rest, **how)

    patch.setattr(Broker, "publish_batch", publish_or_refuse)


@dataclass(frozen=True)
class Weather:
    trouble: Trouble = CALM
    befalls: Callable[[Patch], None] = fine
    stride: int = 6
    """Intervals at a time: most of a day is on its way at once."""


CLEAR = Weather()
LOSSY = Weather(Trouble(pushes=FaultRates(lose=0.25, duplicate=0.2, delay_s=0.0)))
FAST_CLOCKS = Weather(Trouble(drift_ppm=(40_000,)))
FAILING_COMMITS = Weather(befalls=every_third_commit_fails)
REFUSING_BROKER = Weather(befalls=every_third_push_batch_is_refused)


def failing_commits_and_a_refusing_broker(patch: Patch) -> None:
    every_third_commit_fails(patch)
    every_third_push_batch_is_refused(patch)


ALL_AT_ONCE = Weather(
    Trouble(pushes=LOSSY.trouble.pushes, drift_ppm=FAST_CLOCKS.trouble.drift_ppm),
    failing_commits_and_a_refusing_broker,
)


# -- mutations of the production code ---------------------------------------------------------------------------


def acknowledged_before_the_commit(patch: Patch) -> None:
    from urja.pipeline import ingest

    @contextlib.asynccontextmanager
    async def settled_early(deliveries):
        for delivery in deliveries:
            await delivery.ack()
        yield [delivery.body for delivery in deliveries]

    patch.setattr(ingest, "acknowledging", settled_early)


def window_moved_before_the_broker_has_it(patch: Patch) -> None:
    from urja.headend.intake import Intake

    async def store_late(self, gathered, batch, message, _undo):
        self._accept(gathered, batch, message.pushes, message.slots)
        await self._offer(message, gathered.correlation(message.pushes[0]))

    patch.setattr(Intake, "_store", store_late)


def refused_rows_thrown_away(patch: Patch) -> None:
    from urja.apps.readings.exceptions import RefusedRows

    patch.setattr(RefusedRows, "store", lambda *_: None)


def version_check_by_sender(patch: Patch) -> None:
    """A row is taken for known only if the same message has brought it, not if it says the same."""
    from urja.apps.readings import staging

    unchecked, count = re.subn(
        r"(NOT EXISTS \(\s+SELECT FROM readings_interval i WHERE )",
        r"\1i.correlation = s.correlation AND ",
        staging._CHANGED_BLOCKS,
    )
    assert count == 1
    patch.setattr(staging, "_CHANGED_BLOCKS", unchecked)


def gaps_forgotten(patch: Patch) -> None:
    from urja.apps.readings import gaps

    patch.setattr(gaps, "list_missing", lambda *_: 0)


def gaps_closed_without_data(patch: Patch) -> None:
    from urja.apps.readings import gaps

    def close_all(cursor, now):
        cursor.execute("UPDATE readings_gap SET closed_at = %s, closed_by = 1 WHERE closed_at IS NULL", [now])
        return cursor.rowcount

    patch.setattr(gaps, "close_filled", close_all)


def no_query_sent(patch: Patch) -> None:
    from urja.apps.readings import gaps

    patch.setattr(gaps, "take_requests", lambda *_: [])


def midnights_taken_for_read(patch: Patch) -> None:
    from urja.apps.readings import gaps

    def cover_all(cursor, now, _zone):
        cursor.execute(
            "INSERT INTO readings_coverage (device_period_id, daily_to_at)"
            " SELECT id, %s FROM assets_device_period WHERE true"
            " ON CONFLICT (device_period_id) DO UPDATE SET daily_to_at = excluded.daily_to_at",
            [now],
        )

    patch.setattr(gaps, "cover_midnights", cover_all)


def energy_halved_on_the_way_in(patch: Patch) -> None:
    from urja.headend import record_conversion

    blocks = record_conversion.blocks

    def halved(*arguments):
        measured = blocks(*arguments)
        measured.records["values"][:, 0] //= 2
        return measured

    patch.setattr(record_conversion, "blocks", halved)


def register_of_midnight_ignored(patch: Patch) -> None:
    from urja.apps.readings import staging

    patch.setattr(staging, "_move_anchors", lambda *_, **__: None)


def blocks_not_accrued(patch: Patch) -> None:
    from urja.apps.readings import staging

    patch.setattr(staging, "_accrue", lambda *_: None)


MUTATIONS = [
    (acknowledged_before_the_commit, FAILING_COMMITS, "accepted_is_stored"),
    (window_moved_before_the_broker_has_it, REFUSING_BROKER, "accepted_is_stored"),
    (refused_rows_thrown_away, FAST_CLOCKS, "accepted_is_stored"),
    (version_check_by_sender, LOSSY, "stored_once"),
    (gaps_forgotten, LOSSY, "drawn_is_stored_or_missing"),
    (gaps_closed_without_data, LOSSY, "drawn_is_stored_or_missing"),
    (midnights_taken_for_read, CLEAR, "drawn_is_stored_or_missing"),
    (energy_halved_on_the_way_in, CLEAR, "drawn_is_stored_or_missing"),
    (no_query_sent, LOSSY, "nothing_missing"),
    (register_of_midnight_ignored, CLEAR, "stored_is_rated"),
    (blocks_not_accrued, CLEAR, "stored_is_rated"),
    (books.balance_of_one_leg, CLEAR, "balances", "sum_zero"),
]

ONLY_OF_THE_BOOKS = {
    "accruals",
    "approvals",
    "arithmetic",
    "arrears",
    "bank",
    "chains",
    "common_is_shared",
    "credits",
    "debits",
    "deposits",
    "determinants",
    "energy",
    "evidence",
    "look_back",
    "payments",
    "quantities_are_the_truth",
    "revenue_reconciles",
    "reviews",
    "roots",
    "second_rater",
    "second_run",
    "service",
    "counter",
    "maintenance",
    "settled",
    "statement_differences",
    "statements",
    "subsidy_claims",
    "subsidy_payments",
    "terms",
    "unit_banks",
    "units",
    "zones_sum_to_their_total",
}
"""Laws that are seen to fail in tests/pipeline/test_laws.py and the tests that it names, by the same mutations where the
world can show them; of each quantity and zone of each kind of meter:
tests/pipeline/test_quantity_law.py.

The world asks the ledger's laws by one call: that it listens to them is shown by one of their mutations.
"""


async def a_day(ground, weather: Weather, patch: Patch, mutate: Callable[[Patch], None] = fine):
    """A world with the weather and the mutation; the findings at its end."""
    weather.befalls(patch)
    mutate(patch)
    async with World.raised(ground, seed=11, trouble=weather.trouble, start=MONDAY) as world:
        await world.live(1, stride=weather.stride)
        # Under each weather the right code is at rest within half an hour; what is wrong often never is.
        await world.come_to_rest(within=timedelta(hours=2))
        return await world.examine()


async def test_with_the_code_as_it_is_every_law_holds(ground, monkeypatch):
    findings = await a_day(ground, ALL_AT_ONCE, monkeypatch)
    assert all(findings.laws.values()), findings.faults
    assert {law for _, _, *laws in MUTATIONS for law in laws} | ONLY_OF_THE_BOOKS == set(findings.laws), (
        "each law has its mutation"
    )


@pytest.mark.parametrize(
    ("mutation", "weather", "laws"),
    [(mutation, weather, laws) for mutation, weather, *laws in MUTATIONS],
    ids=[f"{mutation.__name__}-{'-'.join(laws)}" for mutation, _, *laws in MUTATIONS],
)
async def test_wrong_code_breaks_its_law(ground, monkeypatch, mutation, weather, laws):
    with ground.database.connect() as connection:
        for table in ("books_account", "books_entry"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    findings = await a_day(ground, weather, monkeypatch, mutation)
    assert not any(findings.laws[law] for law in laws), findings.laws
