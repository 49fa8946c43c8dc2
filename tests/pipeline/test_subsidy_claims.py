"""Claims of subsidies: a month by hand, late data in the next claim, and the law that they come to the receivable."""

import csv
import io
import json
from datetime import date
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from tests.apps.town import START, ZONE, adopt
from tests.pipeline.test_post import CUT, DAY, Town

from urja.base.settings import Settings

TARIFF = """
format = 1
code = "{code}"
version = "{version}"
title = "Homes"
currency = "INR"
valid_from = 2024-01-01
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
prorate = "none"
slabs = [{{from = 0, rate = "5.00"}}]
[[line]]
name = "subsidy"
title = "Subsidy"
accrues = "rebate"
prorate = "none"
claim_on = "{body}"
by_use = [{{up_to = 95, percent = 40}}, {{percent = 0}}]
on = ["energy"]
"""
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
MARCH_ENDS = 30


def load(code="demo", version="1", body="State"):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(code=code, version=version, body=body), START)


@pytest.fixture
def town(database):
    """A home of which the state pays 40 %, unless it uses more than 95 kWh a month; 90 kWh were used in March."""
    load()
    adopted = adopt(credit_minor=50_000)
    with database.connect() as connection:
        found = Town(connection, adopted)
        for day in range(1, MARCH_ENDS):
            found.register(day, 10 + 3 * day)
        yield found


@pytest.fixture
def march(town):
    """All of March is read."""
    town.register(MARCH_ENDS, 10 + 90)
    return town


def claim(town, month, day=60):
    from urja.apps.overviews.queries import subsidy_claims

    return subsidy_claims.claim(month, town.midnight(day), ZoneInfo(ZONE))


def rows(found):
    return [
        (
            row.periods_from,
            row.consumers,
            row.use,
            row.given_minor,
            row.taken_back_minor,
            row.claimed_before_minor,
        )
        for row in found.rows
    ]


def sums(found):
    return [(one.body, one.net_minor, one.through_minor) for one in found.sums]


def test_a_month_by_hand(march):
    march.post(MARCH_ENDS)
    found = claim(march, MARCH)
    # 90 kWh at 5.00, of which 40 %.
    assert rows(found) == [(MARCH, 1, 90_000, 18_000, 0, 0)]
    assert sums(found) == [("State", 18_000, 18_000)]
    assert (found.rows[0].line, found.rows[0].body, found.final_on) == ("subsidy", "State", date(2026, 4, 5))
    assert march.laws()["subsidy_claims"]
    assert not claim(march, MARCH, MARCH_ENDS + 3).is_final
    assert claim(march, MARCH, MARCH_ENDS + 4).is_final


def test_what_a_late_reading_takes_back_is_in_the_next_claim(town):
    town.blocks(MARCH_ENDS, *[50] * 48)
    town.post(MARCH_ENDS, CUT)
    march = claim(town, MARCH)
    assert sums(march) == [("State", 17_880, 17_880)], "89.4 kWh by the intervals of the last day"
    town.register(MARCH_ENDS, 10 + 96)
    town.register(MARCH_ENDS + 1, 10 + 99)
    town.post(MARCH_ENDS + 1)
    # The use beside it is as known now; the amounts are final.
    assert (sums(claim(town, MARCH)), rows(claim(town, MARCH))) == (
        sums(march),
        [(MARCH, 1, 96_000, 17_880, 0, 0)],
    )
    assert rows(claim(town, APRIL)) == [(MARCH, 1, 96_000, 0, 17_880, 17_880), (APRIL, 1, 3_000, 600, 0, 0)]
    assert sums(claim(town, APRIL)) == [("State", 600 - 17_880, 600)]
    assert town.laws()["subsidy_claims"]


def test_what_is_closed_after_a_claim_was_final_is_in_the_next_one(march):
    march.post(MARCH_ENDS + 4)
    assert claim(march, MARCH).rows == ()
    assert rows(claim(march, APRIL)) == [(MARCH, 1, 90_000, 18_000, 0, 0)]
    assert sums(claim(march, APRIL)) == [("State", 18_000, -march.charged()["subsidy"])]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("sum(greatest(-amount_minor, 0))", "0"),
        ("'receivable:%%'", "'revenue:%%'"),
        ("e.contra_id = c.id", "e.contra_id = c.id AND e.accounting_month < '2026-03-01'"),
        ("month', m.period_start)", "month', m.period_start + 60)"),
    ],
)
def test_a_claim_of_something_else_than_the_receivable_breaks_the_law(march, monkeypatch, right, wrong):
    from urja.laws import subsidy_claims as law

    march.register(MARCH_ENDS + 1, 10 + 91)
    march.register(MARCH_ENDS + 2, 10 + 190)
    march.post(MARCH_ENDS + 2)
    assert march.laws()["subsidy_claims"]
    assert right in law.CLAIMED
    monkeypatch.setattr(law, "CLAIMED", law.CLAIMED.replace(right, wrong))
    assert not march.laws()["subsidy_claims"]
    assert broken_since(march.connection, 0)
    batch = march.connection.execute("SELECT last_batch FROM books_bucket").fetchone()[0]
    assert not broken_since(march.connection, batch), "what is proven is not read again"
    assert broken_since(march.connection, batch - 1)


def broken_since(connection, proven):
    from urja.laws import subsidy_claims as law

    return list(law.examine(connection, 7, proven, ZONE))


MONTHS_OF_ENTRIES = """
SET session_replication_role = replica;
INSERT INTO books_entry SELECT bucket, account_id, seq + 1000 * n, contra_id, amount_minor, balance_after_minor, origin, line,
    agreement_id, period_start - n * interval '1 month', service_date, posted_at - n * interval '1 month',
    accounting_month - n * interval '1 month', batch, inputs, n || idempotency_key, input_hash, previous_hash, hash
    FROM books_entry, generate_series(1, 400) n WHERE origin = 'engine' ORDER BY n DESC;
INSERT INTO books_entry SELECT bucket, account_id, seq + 1000000, contra_id, amount_minor, balance_after_minor, origin, line,
    agreement_id, period_start, service_date, posted_at, accounting_month, batch, inputs, 'again' || idempotency_key,
    input_hash, previous_hash, hash FROM books_entry WHERE accounting_month = '2026-03-01' AND origin = 'engine';
"""


def test_a_claim_reads_the_entries_of_its_months(march, database):
    from django.db import connection, transaction

    march.post(MARCH_ENDS)
    with database.connect("urja_admin", autocommit=True) as superuser:
        superuser.execute(MONTHS_OF_ENTRIES)
        superuser.execute("VACUUM ANALYZE books_entry")
        (stored,) = superuser.execute("SELECT count(*) FROM books_entry").fetchone()
    with transaction.atomic(), connection.cursor() as cursor:

        def read_by_now():
            # Of this session: what earlier transactions read may not be told to the statistics yet.
            cursor.execute(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'books_entry'"
            )
            return cursor.fetchone()[0]

        before = read_by_now()
        assert [given for _, _, _, given, _, _ in rows(claim(march, MARCH))] == [36_000]
        read = read_by_now() - before
    assert stored > 20_000
    # Whole megabytes are read: that of the first entries, that of the month, and the last ones without a summary.
    assert read < stored / 2


def test_a_receivable_account_is_owed_by_one_body(town):
    from urja.apps.rulebook.errors import ReceivableError

    load("shops", body="State")
    with pytest.raises(
        ReceivableError, match="is claimed on State, not on Union; give the line another name"
    ):
        load("flats", body="Union")
    with pytest.raises(ReceivableError, match="name by claim_on the body that owes it"):
        load("flats", body='"\nbook = "receivable')


@pytest.fixture
def run(march, monkeypatch):
    from urja.site.admin import Administration
    from urja.site.cli.subsidy import subsidy

    march.post(MARCH_ENDS)
    clock = SimpleNamespace(now=lambda: march.midnight(MARCH_ENDS) + 10 * DAY)
    box = SimpleNamespace(setup_django=lambda: None, clock=clock, settings=Settings())
    monkeypatch.setattr(Administration, "of", lambda _data: box)

    def invoke(*arguments):
        done = CliRunner().invoke(subsidy, ["claim", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    return invoke


def test_the_command_prints_text_csv_and_json(run):
    assert run("2026-03").splitlines() == [
        "claim of 2026-03, final since 2026-04-05",
        "  State, subsidy, 2026-03: consumers 1, use 90000, given 18000, taken back 0, claimed 18000 INR (before 0)",
        "State: 18000 INR, with all earlier claims 18000, paid 0, outstanding 18000",
    ]
    (row,) = csv.DictReader(io.StringIO(run("2026-03", "--csv")))
    assert (row["claim_month"], row["body"], row["net_minor"]) == ("2026-03", "State", "18000")
    assert json.loads(run("2026-03", "--json"))["sums"] == [
        {
            "body": "State",
            "currency": "INR",
            "net_minor": 18_000,
            "through_minor": 18_000,
            "paid_minor": 0,
            "outstanding_minor": 18_000,
        }
    ]
    assert json.loads(run("2026-02", "--json"))["rows"] == []
