"""A dry run predicts the result exactly: rows, intervals, and postings to the paisa."""

import json
from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt, blocks, in_stock, registers
from tests.pipeline.test_post import CUT, DAY, load

LAST = 33
"""Days that are closed: March from the 2nd on, and the first days of April."""
NOW = START + LAST * DAY + timedelta(hours=2)


class Town:
    """Two houses side by side, one of which draws much more."""

    def __init__(self, connection):
        load()
        self.connection = connection
        self.one = adopt(1, register_wh=1_000, credit_minor=10_000)
        self.two = adopt(2, register_wh=50_000, credit_minor=90_000, bucket=9)
        self.houses = ((self.one, 1_000, 10), (self.two, 50_000, 170))
        for house, _, per_block in self.houses:
            rows = [(START + n * HALF_HOUR, per_block) for n in range(48 * LAST)]
            town.store_blocks(connection, blocks(house, *rows))
        self.read(1, LAST)
        self.close(LAST)

    def read(self, first, last):
        for house, start_wh, per_block in self.houses:
            reads = [
                (START + day * DAY, start_wh + day * (48 * per_block + 5)) for day in range(first, last + 1)
            ]
            town.store_registers(self.connection, registers(house, *reads))

    def close(self, day, after=timedelta(minutes=5)):
        from urja.pipeline import post

        post.run_once(START + day * DAY + after, CUT)

    def charged(self):
        """By agreement, period and line."""
        return {
            (agreement, period, line): int(minor)
            for agreement, period, line, minor in self.connection.execute(
                "SELECT agreement_id, period_start, line, sum(amount_minor) FROM books_entry"
                " WHERE origin = 'engine' GROUP BY 1, 2, 3"
            )
        }

    def follows(self, operation):
        """What the next close posts because the operation was done: with it, less without it."""
        from django.db import transaction

        from urja.usecases.operations import perform

        posted = []
        for done in (False, True):
            with transaction.atomic():
                if done:
                    perform(operation, recorded_at=NOW, actor="test")
                before = _engine()
                # No register comes any more: the day closes at the cut-off, and costs what it costs.
                self.close(LAST + 1, 2 * CUT)
                after = _engine()
                posted.append({key: after[key] - before.get(key, 0) for key in after})
                transaction.set_rollback(True)
        without, with_it = posted
        keys = {*without, *with_it}
        moved = {key: with_it.get(key, 0) - without.get(key, 0) for key in keys}
        return {key: minor for key, minor in moved.items() if minor}


def _engine():
    """Seen from within Django's transaction."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, period_start, line, sum(amount_minor)::bigint FROM books_entry"
            " WHERE origin = 'engine' GROUP BY 1, 2, 3"
        )
        return {row[:3]: row[3] for row in cursor.fetchall()}


@pytest.fixture
def houses(database):
    with database.connect() as connection:
        yield Town(connection)


def dry_run_of(operation):
    from urja.usecases.dry_run import dry_run_effects

    return dry_run_effects(operation, recorded_at=NOW, actor="test")


def told(found):
    return {(one.agreement_id, one.period_start, one.line): one.amount_minor for one in found.postings}


def swap(since=START):
    from urja.usecases.operations import SwapMeters

    return SwapMeters(serial_a="URJ00000001", serial_b="URJ00000002", since=since, reason="both phoned")


def test_what_a_swap_would_post_is_what_is_posted(houses):
    from urja.laws.verify import laws
    from urja.usecases.operations import perform

    operation = swap()
    before = houses.charged()
    found = dry_run_of(operation)
    # Nothing was done.
    assert houses.charged() == before
    assert houses.connection.execute(
        "SELECT count(*) FROM journal_operation WHERE kind = 'swap_meters'"
    ).fetchone() == (0,)
    assert found.intervals_moved == 2 * 48 * LAST
    assert {one.agreement_id: (one.before_wh, one.after_wh) for one in found.intervals} == {
        houses.one.agreement_id: (48 * LAST * 10, 48 * LAST * 170),
        houses.two.agreement_id: (48 * LAST * 170, 48 * LAST * 10),
    }
    assert {period.month for _, period, _ in told(found)} == {3, 4}
    assert {line for _, _, line in told(found)} == {"energy", "duty"}
    perform(operation, recorded_at=NOW, actor="test")
    # Until the next midnight nothing is drawn: what is posted of energy follows from the swap alone.
    for house, start_wh, per_block in houses.houses:
        counted = start_wh + LAST * (48 * per_block + 5)
        reads = registers(house, (START + (LAST + 1) * DAY, counted))
        other = houses.two if house is houses.one else houses.one
        reads["service_point_id"], reads["agreement_id"] = other.service_point_id, other.agreement_id
        town.store_registers(houses.connection, reads)
    houses.close(LAST + 1)
    after = houses.charged()
    fixed = {"fixed": -200}
    for key, minor in told(found).items():
        # The duty of the new day's fixed charge is the day's own.
        own = -10 if key[2] == "duty" and key[1].month == 4 else fixed.get(key[2], 0)
        assert after[key] - before[key] - own == minor, key
    assert all(laws(houses.connection, zone=town.ZONE).values())


@pytest.mark.parametrize("since", [START + 4 * DAY, START + 20 * DAY + timedelta(hours=7, minutes=10)])
def test_any_swap_posts_what_was_told(houses, since):
    operation = swap(since)
    found = dry_run_of(operation)
    assert told(found) == houses.follows(operation)


def test_an_exchange_in_the_past_and_a_ratio(houses):
    from urja.usecases.operations import ChangeRatio, ExchangeMeter

    in_stock(3)
    at = START + 30 * DAY + timedelta(hours=14, minutes=20)
    exchange = ExchangeMeter(
        consumer_number="URJ00000001",
        at=at,
        old_register_wh=1_000 + 30 * 485 + 300,
        new_serial="URJ00000003",
        new_register_wh=0,
        reason="no display",
    )
    ratio = ChangeRatio(
        consumer_number="URJ00000002",
        at=START + 25 * DAY,
        primary=10,
        secondary=5,
        register_wh=50_000 + 25 * (48 * 170 + 5),
        reason="transformers found",
    )
    for operation in (exchange, ratio):
        found = dry_run_of(operation)
        assert found.postings
        assert told(found) == houses.follows(operation)
    assert found.intervals_moved == 48 * (LAST - 25)
    (moved,) = found.intervals
    assert (moved.before, moved.after, moved.after_wh) == (
        moved.before,
        moved.before,
        2 * moved.before_wh,
    )


def test_notices_holds_and_commands_stand(houses):
    from urja.apps.notices.models import Notice
    from urja.apps.supply.models import Hold

    Notice.objects.create(
        account_id=houses.one.account_id,
        kind="days-3",
        dedupe_key="x",
        requested_at=START + 9 * DAY,
        state="sent",
    )
    Notice.objects.create(
        account_id=houses.one.account_id,
        kind="days-3",
        dedupe_key="y",
        requested_at=START + 2 * DAY,
        state="sent",
    )
    Hold.objects.create(
        service_point_id=houses.two.service_point_id,
        reason="credit",
        placed_at=START + 10 * DAY,
        placed_by="policy",
    )
    found = dry_run_of(swap(START + 3 * DAY))
    assert [(one.what, one.kind, one.state) for one in found.stands] == [
        ("notice", "days-3", "sent"),
        ("hold", "credit", "open"),
    ]
    assert Notice.objects.count() == 2


def test_it_can_be_kept_as_json_and_tells_no_keys(houses):
    in_stock(3)
    from urja.usecases.operations import ExchangeMeter

    operation = ExchangeMeter(
        consumer_number="URJ00000001",
        at=NOW - timedelta(hours=1),
        old_register_wh=None,
        new_serial="URJ00000003",
        new_register_wh=0,
        reason="burnt",
    )
    kept = json.loads(json.dumps(dry_run_of(operation).to_builtins()))
    assert {change["table"] for change in kept["changes"]} == {"assets_device", "assets_device_period"}
    assert "wrapped" not in json.dumps(kept)
    assert kept["postings"] == []
    assert set(kept) == {
        "changes", "intervals_moved", "intervals", "postings", "decisions", "stands", "asked", "problems",
        "meters", "left_out", "flats", "dues_minor", "without_agreement",
    }  # fmt: skip


def test_what_is_refused_is_refused(houses):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError, match="began only on"):
        dry_run_of(swap(START - DAY))
