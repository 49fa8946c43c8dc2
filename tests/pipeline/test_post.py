"""The daily close as small ledgers: reads in, postings out."""

import json
from contextlib import contextmanager
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.apps import town as town_rows
from tests.apps.town import START, adopt, blocks, registers
from tests.conftest import copy_of

from urja.site.cli.tariff import tariff

DAY = timedelta(days=1)
HALF_HOUR = town_rows.HALF_HOUR
CUT = timedelta(hours=1)

TARIFF = """
format = 1
code = "demo"
version = "{version}"
title = "Demonstration"
currency = "INR"
valid_from = {valid_from}
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
prorate = "none"
slabs = [ {{from = 0, up_to = 10, rate = "{rate}"}}, {{from = 10, rate = "5.00"}} ]
[[line]]
name = "fixed"
title = "Fixed charge"
accrues = "per-day"
rate = "2.00"
[[line]]
name = "duty"
title = "Electricity duty"
accrues = "percent"
percent = 5
on = ["energy", "fixed"]
"""


def load(version="1", valid_from="2024-01-01", rate="3.00"):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(version=version, valid_from=valid_from, rate=rate), START)


@pytest.fixture
def town(database):
    with stand(database) as town:
        yield town


@contextmanager
def stand(database):
    """A meter adopted at midnight of 2 March with 10 kWh on its register and 500 rupees of credit."""
    load()
    adopted = adopt(credit_minor=50_000)
    with database.connect() as connection:
        yield Town(connection, adopted)


class Town:
    def __init__(self, connection, adopted):
        self.connection, self.adopted = connection, adopted

    def midnight(self, day):
        """The end of the n-th day, 1 being 2 March."""
        return START + day * DAY

    def register(self, day, kwh, **changes):
        town_rows.store_registers(
            self.connection, registers(self.adopted, (self.midnight(day), int(kwh * 1000)), **changes)
        )

    def blocks(self, day, *wh, first=0):
        start = self.midnight(day - 1)
        rows = [(start + (first + n) * HALF_HOUR, energy) for n, energy in enumerate(wh)]
        town_rows.store_blocks(self.connection, blocks(self.adopted, *rows))

    def run(self, day, after=timedelta(minutes=5)):
        report = self.post(day, after)
        self.fresh(day, after)
        return report

    def post(self, day, after=timedelta(minutes=5)):
        from urja.pipeline import post

        return post.post_due(self.midnight(day) + after, CUT)

    def book(self):
        rows = self.connection.execute(
            "SELECT service_date, line, amount_minor, balance_after_minor FROM books_entry ORDER BY seq"
        ).fetchall()
        return [f"{day:%d %b} {line:14} {amount:>6} {after:>6}" for day, line, amount, after in rows]

    def charged(self):
        return dict(
            self.connection.execute(
                "SELECT line, -sum(amount_minor)::int FROM books_entry WHERE origin = 'engine' GROUP BY line"
            ).fetchall()
        )

    def charged_in(self, line):
        """What a line has charged, by the beginning of the billing period."""
        return dict(
            self.connection.execute(
                "SELECT period_start, -sum(amount_minor)::int FROM books_entry"
                " WHERE origin = 'engine' AND line = %s GROUP BY period_start",
                [line],
            ).fetchall()
        )

    def previewed(self):
        """What `urja tariff rate` says of the one rated period, from the energies that the books say it has."""
        first, end, through, uses = self.connection.execute(
            "SELECT billed_first, billed_end, through, uses FROM billing_rated"
        ).fetchone()
        known = list(accumulate(wh for _, _, wh in uses))
        with TemporaryDirectory() as folder:
            files = []
            for number, (text,) in enumerate(
                self.connection.execute(
                    "SELECT text FROM rulebook_tariff_version ORDER BY valid_from, id"
                ).fetchall()
            ):
                files.append(Path(folder) / f"{number}.toml")
                files[-1].write_text(text)
            reads = [f"--read={day}={wh}" for (_, day, _), wh in zip(uses[:-1], known, strict=False)]
            days = [f"--from={first}", f"--to={end}", f"--through={through}", f"--wh={known[-1]}"]
            told = CliRunner().invoke(tariff, ["rate", *map(str, files), *days, *reads, "--json"])
        assert told.exit_code == 0, told.output
        return {
            line["name"]: line["amount_minor"]
            for line in json.loads(told.stdout)["lines"]
            if line["amount_minor"]
        }

    def laws(self):
        from urja.laws.verify import laws

        return laws(self.connection, zone=town_rows.ZONE)

    def fresh(self, day, after=timedelta()):
        """The fresh balance; a period that is passed over as charged comes to the same when it is rated."""
        from urja.apps.billing import balances

        now = self.midnight(day) + after
        found = balances.fresh_balance(self.adopted.account_id, now)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(balances, "_rating_of", lambda _agreement, _period: None)
            rated = balances.fresh_balance(self.adopted.account_id, now)
            assert rated == found
        return found

    def whys(self):
        from urja.apps.billing.queries.ledger_entries import entries, explain_entry

        account = self.adopted.account_id
        return [explain_entry(account, entry.seq) for entry in reversed(entries(account, 1000))]


def test_days_close_with_the_midnight_read_and_a_slab_is_crossed(town):
    town.run(0)
    town.register(1, 10 + 8)
    town.run(1)
    town.register(2, 10 + 8 + 5)
    town.run(2)
    assert town.book() == [
        "02 Mar opening-credit  50000  50000",
        "02 Mar energy          -2400  47600",
        "02 Mar fixed            -200  47400",
        "02 Mar duty             -130  47270",
        "03 Mar energy          -2100  45170",
        "03 Mar fixed            -200  44970",
        "03 Mar duty             -115  44855",
    ]
    energy = town.whys()[4]
    assert [(row.label, str(row.quantity), str(row.rate), row.amount_minor) for row in energy.rows] == [
        ("slab 1: 0 to 10 kWh", "2", "300", -600),
        ("slab 2: above 10 kWh", "3", "500", -1500),
    ]
    assert [read.register_wh for read in energy.reads] == [18_000, 23_000]
    assert (energy.advance_wh, energy.energy_wh, energy.provisional) == (5000, 13_000, False)
    assert energy.tariffs[0].version == "1"
    assert all(town.laws().values())


def test_running_again_posts_nothing(town):
    town.register(1, 15)
    first = town.run(1)
    assert (first.credits, first.closed.days) == (1, 1)
    again = town.run(1)
    assert (again.entries, again.closed.days) == (0, 0)


def test_an_open_day_is_not_closed_and_a_missing_read_is_waited_for(town):
    town.register(1, 15)
    town.run(1)
    before = town.book()
    assert town.run(1, timedelta(hours=23)).closed.days == 0
    waiting = town.run(2, CUT - timedelta(seconds=1)).closed
    assert (waiting.days, waiting.waiting) == (0, 1)
    assert town.book() == before


def test_a_day_closed_on_blocks_is_put_right_by_the_next_close(town):
    town.blocks(1, *[100] * 48)
    closed = town.run(1, CUT).closed
    assert (closed.days, closed.provisional) == (1, 1)
    assert town.charged()["energy"] == 1440
    assert "provisional" in town.whys()[1].notes[-1]
    assert [(read.kind, read.status, read.register_wh) for read in town.whys()[1].reads] == [
        ("installation", "measured", 10_000),
        ("blocks", "substituted", 14_800),
    ]
    # The register says 20 Wh more than the truncated blocks; the next day's read carries the difference.
    town.register(1, 14.82)
    town.blocks(2, *[50] * 48)
    town.register(2, 17.3)
    town.run(2)
    assert town.charged()["energy"] == 2190
    why = next(
        why
        for why in town.whys()
        if why.entry.line == "energy" and why.entry.service_date == date(2026, 3, 3)
    )
    assert (why.advance_wh, why.blocks_wh, why.residual_wh) == (2500, 7200, 100)
    assert all(town.laws().values())


def test_late_data_of_the_last_month_is_a_correction_of_this_one(town):
    town.run(0)
    town.blocks(30, *[100] * 48)
    town.run(30, CUT)
    assert town.charged() == {"fixed": 6000, "duty": 300}
    # 31 March's midnight arrives a day late: the last month is settled with the close of 1 April.
    town.register(30, 10 + 40)
    town.register(31, 10 + 43)
    town.run(31)
    corrections = [why for why in town.whys() if any("correction" in note for note in why.notes)]
    assert [(why.entry.line, why.entry.amount_minor, why.entry.accounting_month) for why in corrections] == [
        ("energy", -(3000 + 30 * 500), date(2026, 4, 1)),
        ("duty", -900, date(2026, 4, 1)),
    ]
    assert all(town.laws().values())


def test_a_tariff_loaded_for_days_that_are_past(town):
    town.register(1, 15)
    town.run(1)
    load("2", "2026-03-02", rate="4.00")
    town.register(2, 16)
    town.run(2)
    assert town.charged() == {"energy": 2400, "fixed": 400, "duty": 140}
    why = next(
        why
        for why in town.whys()
        if why.entry.line == "energy" and why.entry.service_date == date(2026, 3, 3)
    )
    assert [(row.label, row.amount_minor) for row in why.rows] == [
        ("slab 1: 0 to 10 kWh", -2400),
        ("taken back: slab 1: 0 to 10 kWh", 1500),
    ]
    assert all(town.laws().values())


@pytest.mark.parametrize(
    ("on_change", "energy"),
    [
        # 2 kWh until the change of the 10 that the first slab holds: the other 8 are in it too, at the new price.
        ("", 2 * 300 + 8 * 400),
        # 10 kWh by days: 5 on two of four days. Of 30 billed days the old price has two, and its slab 2/3 kWh.
        ('on_change = "by-days"', Fraction(2, 3) * 300 + (5 - Fraction(2, 3)) * 500 + 5 * 400),
        # 2 kWh, in a slab of 2/3 kWh. The new one has 28 days, and 9 1/3 kWh.
        ('on_change = "by-reads"', Fraction(2, 3) * 300 + Fraction(4, 3) * 500 + 8 * 400),
    ],
)
def test_a_new_price_inside_the_month(town, on_change, energy):
    """On each day the books say what the second rater says, and the preview, from the same energies, says it too."""
    load("2", f"2026-03-04\n{on_change}", rate="4.00")
    for day, kwh in enumerate([11, 12, 15, 20], 1):
        town.register(day, kwh)
        town.run(day)
        assert all(town.laws().values())
        assert town.previewed() == {line: amount for line, amount in town.charged().items() if amount}
    assert town.charged()["energy"] == round(energy)


def test_slabs_that_begin_again_at_a_new_version_are_found(town, monkeypatch):
    from urja.core.rating import bills

    load("2", "2026-03-04", rate="4.00")
    with monkeypatch.context() as patch:
        patch.setattr(bills, "_goes_on", lambda *_: False)
        for day, kwh in enumerate([11, 12, 15, 20], 1):
            town.register(day, kwh)
            town.run(day)
    assert town.laws() == {
        **dict.fromkeys(town.laws(), True),
        "second_rater": False,
        "evidence": False,
    }


def test_days_that_two_periods_have_in_common_are_found(town, monkeypatch):
    """A version with another calendar, past the refusal to load it: 10 to 31 March are in two periods, charged twice."""
    from urja.core.rating import Tariff

    monkeypatch.setattr(Tariff, "conflict_with", lambda *_: "")
    load("2", "2026-03-10\nperiod_starts_on = 10")
    for day in (0, 8, 20, 30, 32):
        town.register(day, 10 + day)
        town.post(day, CUT)
    # The period that the new version takes back is charged, and is stated by no statement.
    assert {law for law, holds in town.laws().items() if not holds} == {"terms", "statement_differences"}


def test_the_fresh_balance_moves_with_the_blocks_and_not_with_the_close(town):
    town.run(0)
    assert (town.fresh(0).balance_minor, town.fresh(0).as_of) == (50_000, START)
    assert town.fresh(0).days_left is None
    town.blocks(1, *[100] * 20)
    fresh = town.fresh(1, -timedelta(hours=14))
    assert (fresh.ledger_minor, fresh.pending_minor, fresh.balance_minor) == (50_000, 840, 49_160)
    assert fresh.as_of == START + 20 * HALF_HOUR
    # Before a day is closed: 2 kWh in ten hours are 4.8 kWh a day, which is what the day comes to below.
    assert fresh.days_left == Fraction(fresh.balance_minor, 1440 + 200 + 82)
    town.blocks(1, *[100] * 28, first=20)
    before = town.fresh(1)
    town.register(1, 14.8)
    town.run(1)
    after = town.fresh(1)
    assert after.balance_minor == before.balance_minor
    assert (after.pending_minor, after.last_seq) == (0, 4)
    assert int(after.days_left) == after.balance_minor // (1440 + 200 + 82)


def test_a_balance_below_zero_is_normal(town):
    town.register(1, 10 + 200)
    town.run(1)
    assert town.fresh(1).balance_minor == 50_000 - round((3000 + 95_000 + 200) * 1.05)
    assert town.fresh(1).days_left == 0


def test_rows_of_every_posting_sum_to_it_and_follow_from_the_reads(town):
    for day, kwh in enumerate([10.333, 17.001, 25.55, 25.55, 26], 1):
        town.register(day, kwh)
        town.run(day)
    for why in town.whys():
        assert sum(row.amount_minor for row in why.rows) == why.entry.amount_minor
        if why.entry.line == "energy":
            opening, closing = why.reads
            shown = sum(row.quantity for row in why.rows if row.unit == "kWh")
            assert shown * 1000 == closing.register_wh - opening.register_wh == why.advance_wh


def test_the_stage_needs_no_more_than_the_pipelines_rights(town, database):
    from django.db import connections

    connections.close_all()
    login = connections["default"].settings_dict
    owner = login["USER"]
    try:
        login["USER"] = "urja_pipeline"
        town.register(1, 15)
        assert town.run(1).entries == 4
    finally:
        connections.close_all()
        login["USER"] = owner


def test_two_pipelines_at_once_post_once(town):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    for day in (1, 2, 3):
        town.register(day, 10 + day)

    def run(_):
        try:
            # Its balances are asked in two looks, between which the others post.
            return town.post(3).closed.days
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 3
    town.fresh(3, timedelta(minutes=5))
    assert len(town.book()) == 10
    assert town.charged() == {"energy": 900, "fixed": 600, "duty": 75}
    assert all(town.laws().values())


DATA = [
    ("register", 1, 15),
    ("register", 2, 21.5),
    ("register", 3, 22),
    ("blocks", 2, 100),
    ("blocks", 3, 10),
]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(DATA))), st.sets(st.integers(0, len(DATA) - 1)))
def test_any_order_of_data_and_closes_comes_to_the_same(postgres, database_template, order, closes):
    """Whenever what arrives, and whichever days are closed meanwhile: the fourth day's close makes it the same."""
    with copy_of(postgres, database_template) as database, database.connect() as connection:
        load()
        town = Town(connection, adopt())
        for n in order:
            kind, day, amount = DATA[n]
            if kind == "register":
                town.register(day, amount)
            else:
                town.blocks(day, *[amount] * 48)
            if n in closes:
                town.run(min(n + 1, 3), CUT)
        town.register(4, 30)
        town.run(4)
        assert town.charged() == {"energy": 3000 + 5000, "fixed": 800, "duty": 440}
        assert all(town.laws().values())


def read_again(town, day, kwh):
    """The meter's daily profile of that midnight is pulled again and says something else."""
    town.register(day, kwh)


def read_behind_the_accruals(town, day, kwh):
    """A row of the same content, stored past the code that keeps the accruals."""
    town.connection.execute(
        "INSERT INTO readings_register SELECT (r).* FROM (SELECT jsonb_populate_record(r, jsonb_build_object("
        "'version', r.version + 1, 'values', jsonb_set(to_jsonb(r.values), '{0}', to_jsonb(%s::bigint)))) AS r FROM readings_register r WHERE read_at = %s) again",
        [int(kwh * 1000), town.midnight(day)],
    )
    town.connection.commit()


@pytest.mark.parametrize("correct", [read_again, read_behind_the_accruals])
@pytest.mark.parametrize("changed_kwh", [5, -5])
def test_a_read_corrected_at_a_period_s_border_settles_both_neighbours(town, changed_kwh, correct):
    """What the correction gives to one month it takes from the other, each at its own price."""
    town.register(0, 10)
    town.run(0)
    town.register(30, 10 + 40)
    town.run(30)
    town.register(31, 10 + 46)
    town.run(31)
    assert town.charged_in("energy") == {date(2026, 3, 1): 3000 + 30 * 500, date(2026, 4, 1): 6 * 300}
    correct(town, 30, 10 + 40 + changed_kwh)
    town.post(32, CUT)
    april_kwh = 6 - changed_kwh
    assert town.charged_in("energy") == {
        date(2026, 3, 1): 3000 + (30 + changed_kwh) * 500,
        date(2026, 4, 1): min(april_kwh, 10) * 300 + max(april_kwh - 10, 0) * 500,
    }
    town.fresh(32, CUT)
    assert all(town.laws().values())


@pytest.mark.parametrize("correct", [read_again, read_behind_the_accruals])
def test_a_read_corrected_at_a_change_of_price_settles_its_month(town, correct):
    """What the month comes to is the same energy, and more of it at the old price."""
    load("2", "2026-03-04", rate="4.00")
    for day, kwh in ((0, 10), (2, 10 + 4), (30, 10 + 8), (31, 10 + 8)):
        town.register(day, kwh)
        town.run(day)
    assert town.charged_in("energy") == {date(2026, 3, 1): 4 * 300 + 4 * 400}
    correct(town, 2, 10 + 7)
    town.fresh(31, CUT)
    town.post(32, CUT)
    assert town.charged_in("energy") == {date(2026, 3, 1): 7 * 300 + 1 * 400}
    town.fresh(32, CUT)
    assert all(town.laws().values())


def test_a_close_takes_the_buckets_that_no_other_process_has_and_waits_for_the_rest(town, monkeypatch):
    """Two closes at once: the second passes a bucket that is locked, and finds nothing left to do when it gets the lock."""
    from urja.base.ids import bucket_of
    from urja.pipeline import close

    town.register(1, 15)
    bucket = bucket_of(town.adopted.account_id)
    asked = []
    real = close.locking.lock_bucket

    def free_then_lock(of):
        asked.append(of)
        town.connection.rollback()
        return real(of)

    monkeypatch.setattr(close.locking, "lock_bucket", free_then_lock)
    town.connection.execute("INSERT INTO books_bucket VALUES (%s, 0)", [bucket])
    town.connection.autocommit = False
    # As a close that has begun its batch: the row is changed, and not only locked.
    town.connection.execute("UPDATE books_bucket SET last_batch = 1 WHERE bucket = %s", [bucket])
    done = close.close_days(town.midnight(1) + timedelta(minutes=5), CUT)
    assert (done.days, done.entries, bucket in asked) == (1, 3, True)
    assert (done.by_arrays, done.by_engine) == (1, 0)
    assert close.close_days(town.midnight(1) + timedelta(minutes=6), CUT).entries == 0
