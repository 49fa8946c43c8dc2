"""Evidence of charges: made again from what entries name, with its cause, and every falsehood in it a fault."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.apps import town as town_rows
from tests.apps.town import seconds
from tests.one_setup import with_one_setup
from tests.pipeline.test_post import CUT, Town, load, stand, town  # noqa: F401

from urja.base.ids import bucket_of
from urja.laws import evidence
from urja.stream.records import Source


def live(town):  # noqa: F811
    town.run(0)
    town.register(1, 18)
    town.run(1)
    town.register(2, 23)
    town.run(2)


def two_days(database):
    with stand(database) as charged:
        live(charged)
        return charged.adopted


@pytest.fixture
def charged(lived):
    """The town after two days that were charged."""
    with lived(two_days) as (database, adopted), database.connect() as connection:
        yield Town(connection, adopted)


def why(town, line, day):  # noqa: F811
    return next(
        found
        for found in reversed(town.whys())
        if found.entry.line == line and found.entry.service_date == date(2026, 3, day)
    )


def broken(town):  # noqa: F811
    return {law for law, holds in town.laws().items() if not holds}


def falsify(town, change, line="energy", day=3):  # noqa: F811
    """Change the inputs of one entry in place; the chain of hashes sees that too."""
    town.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
    town.connection.execute(
        f"UPDATE books_entry SET inputs = {change.replace('inputs', 'inputs::jsonb')} WHERE line = %s AND service_date = %s",
        [line, date(2026, 3, day)],
    )
    town.connection.commit()


@contextmanager
def falsified(town, change):  # noqa: F811
    """The inputs of the third day's energy are changed, and at the end again as they were."""
    energy = "line = 'energy' AND service_date = '2026-03-03'"
    ((kept,),) = town.connection.execute(f"SELECT inputs::text FROM books_entry WHERE {energy}").fetchall()
    falsify(town, change)
    try:
        yield
    finally:
        town.connection.execute(f"UPDATE books_entry SET inputs = %s WHERE {energy}", [kept])


def test_one_entry_of_a_posting_has_the_calculation_of_all(charged):
    rows = charged.connection.execute(
        "SELECT line, inputs FROM books_entry WHERE service_date = '2026-03-03' ORDER BY seq"
    ).fetchall()
    energy, fixed, duty = (inputs for _, inputs in rows)
    assert set(energy) == {"title", "calculation", "before"}
    assert fixed == {"title": "Fixed charge", "calculated_with": 1, "before": 3}
    assert duty == {"title": "Electricity duty", "calculated_with": 2, "before": 4}
    named = energy["calculation"]
    # What it shares with the first posting of the period is stored there.
    assert set(named) == {"like", "uses", "closing", "determinants"}
    assert (named["like"], named["uses"]) == (2, [["2026-03-04", 13_000]])
    (version, sha256), stored = (
        named["determinants"],
        charged.connection.execute(
            "SELECT version, encode(sha256, 'hex') FROM determinants_row WHERE as_of = '2026-03-03'"
        ).fetchone(),
    )
    assert (version, sha256) == stored
    assert sum(len(json.dumps(inputs)) for _, inputs in rows) < 450
    duties = why(charged, "duty", 3)
    assert [(row.label, str(row.quantity), row.amount_minor) for row in duties.rows] == [
        ("5 % of Energy charge", "2100", -105),
        ("5 % of Fixed charge", "200", -10),
    ]
    assert (duties.faults, duties.cause, broken(charged)) == ((), None, set())


def test_a_posting_with_other_terms_has_a_whole_calculation(charged):
    load("2", "2026-03-04", "3.20")
    for day, register in ((3, 24), (4, 25)):
        charged.register(day, register)
        charged.run(day)
    stored = [
        inputs["calculation"]
        for (inputs,) in charged.connection.execute(
            "SELECT inputs FROM books_entry WHERE inputs->'calculation' IS NOT NULL ORDER BY seq"
        )
    ]
    assert ["terms" in one for one in stored] == [True, False, True, False]
    assert [one.get("like") for one in stored] == [None, 2, None, 8]
    assert [why(charged, "energy", day).faults for day in (2, 3, 4, 5)] == [()] * 4
    assert broken(charged) == set()


@with_one_setup(
    "change, fault",
    [
        (
            """jsonb_set(inputs, '{calculation,like}', '1')""",
            "entry 1 of the account, which is named here, is no charge",
        ),
        ("""jsonb_set(inputs, '{calculation,like}', '3')""", "has no calculation that can be read"),
        (
            """jsonb_set(inputs, '{calculation,uses,0,1}', '12999')""",
            "comes to 4500",
        ),
        (
            """jsonb_set(inputs, '{calculation,determinants,1}', '"00"')""",
            "are not stored",
        ),
        (
            """jsonb_set(inputs, '{calculation,rules}', '"rating 0"')""",
            "names rules 'rating 0'; this program has rating 1",
        ),
        ("""jsonb_set(inputs, '{before}', '1')""", "names 1 as the one before it, it is 2"),
        (
            """inputs - 'calculation' || '{"calculated_with": 3}'""",
            "names the calculation of another posting",
        ),
        ("""jsonb_set(inputs, '{calculation}', '{}')""", "has no calculation that can be read"),
    ],
)
def test_a_falsehood_is_a_fault_and_breaks_the_law(charged, change, fault):
    with falsified(charged, change):
        found = why(charged, "energy", 3)
        if fault == "comes to 4500":
            # One Wh less: still the same amount to the paisa would be no proof of its energy, the determinants are.
            assert any("were calculated" in one or "determinants" in one for one in found.faults), (
                found.faults
            )
        else:
            assert any(fault in one for one in found.faults), found.faults
        assert broken(charged) == {"evidence", "chains"}


def test_what_postings_share_is_a_fault_of_each(charged):
    falsify(charged, """jsonb_set(inputs, '{calculation,terms,0,2}', '"ab"')""", day=2)
    for day in (2, 3):
        assert "no tariff whose text has the SHA-256 ab is stored" in why(charged, "energy", day).faults[0]
    assert broken(charged) == {"evidence", "chains"}


def test_an_amount_that_was_changed_is_a_fault(charged):
    """The account's whole chain is made again by a thief with the owner's rights: the calculation still tells."""
    charged.connection.execute("ALTER TABLE books_entry DISABLE TRIGGER USER")
    charged.connection.execute(
        "UPDATE books_entry SET amount_minor = amount_minor + 100 WHERE line = 'energy' AND service_date = '2026-03-03'"
    )
    charged.connection.commit()
    assert why(charged, "energy", 3).faults == (
        "the calculation comes to 4500 of which 2400 were charged before, in minor units; the entry charges 2000",
    )
    assert "evidence" in broken(charged)


def test_a_tariff_text_that_was_changed_is_a_fault(town):  # noqa: F811
    from urja.apps.rulebook.queries import tariffs

    live(town)
    town.connection.execute("ALTER TABLE rulebook_tariff_version DISABLE TRIGGER USER")
    town.connection.execute("UPDATE rulebook_tariff_version SET text = replace(text, '5.00', '5.50')")
    town.connection.commit()
    tariffs._parsed.cache_clear()
    try:
        (fault,) = why(town, "energy", 3).faults
        assert "has another hash than" in fault
        assert "evidence" in broken(town)
    finally:
        tariffs._parsed.cache_clear()


def test_an_entry_of_before_is_shown_as_it_was_stored(town):  # noqa: F811
    """A ledger that was begun by 0.1: the next entry on its line goes on from the state stored there."""
    town.run(0)
    town.register(1, 18)
    town.run(1)
    stored = {
        "title": "Energy charge",
        "book": "revenue",
        "energy_wh": 8000,
        "standing": {"1/energy/0": {"label": "slab 1", "quantity": "8", "unit": "kWh", "rate": "300"}},
        "rows": [
            {
                "key": "1/energy/0",
                "label": "slab 1",
                "quantity": "8",
                "unit": "kWh",
                "rate_minor": "300",
                "amount_minor": -2400,
            }
        ],
        "notes": ["as it was stored"],
    }
    plain = "jsonb_build_object('key', line, 'label', line, 'quantity', '1', 'unit', 'kWh', 'rate_minor', '1', 'amount_minor', amount_minor)"
    for line in ("fixed", "duty"):
        falsify(town, f"jsonb_build_object('title', line, 'rows', jsonb_build_array({plain}))", line, day=2)
    falsify(town, f"'{json.dumps(stored)}'", day=2)
    town.register(2, 23)
    town.run(2)
    assert why(town, "energy", 2).notes == ("as it was stored",)
    assert why(town, "energy", 2).faults == ()
    assert broken(town) == {"chains"}
    falsify(town, f"'{json.dumps(stored | {'rows': []})}'", day=2)
    assert broken(town) == {"arithmetic", "chains"}
    after = why(town, "energy", 3)
    assert [str(row.quantity) for row in after.rows] == ["2", "3"]
    assert (after.advance_wh, after.faults) == (5000, ())


def test_a_reading_that_came_late_is_the_cause(town):  # noqa: F811
    town.run(0)
    town.blocks(1, *[100] * 48)
    town.run(1, CUT)
    town.register(1, 14.82)
    town.register(2, 17.3)
    town.run(2)
    assert why(town, "energy", 2).cause is None
    assert why(town, "energy", 3).cause == "late-reading"
    assert broken(town) == set()


def test_a_tariff_for_past_days_is_the_cause(charged):
    load("2", "2026-03-03", "3.20")
    charged.register(3, 24)
    charged.run(3)
    load("3", "2026-03-05", "3.30")
    charged.register(4, 25)
    charged.run(4)
    assert why(charged, "energy", 4).cause == "backdated-tariff"
    assert why(charged, "energy", 5).cause is None
    assert broken(charged) == set()


def test_the_intervals_are_those_that_were_known(town):  # noqa: F811
    town.run(0)
    town.blocks(1, *[100] * 48)
    town.register(1, 14.9)
    town.run(1)
    found = why(town, "energy", 2)
    assert (found.blocks_wh, found.residual_wh) == (4800, 100)
    late = town_rows.blocks(town.adopted, (town.midnight(0), 900))
    late["received_at"] = seconds(town.midnight(5)) * 1000
    late["source"] = Source.PULL
    town_rows.store_blocks(
        town.connection,
        late,
    )
    assert why(town, "energy", 2).blocks_wh == 4800


def test_the_command_calculates_again_and_fails_on_a_fault(town, monkeypatch):  # noqa: F811
    from types import SimpleNamespace

    from click.testing import CliRunner

    from urja.site.admin import Administration
    from urja.site.cli.why import why as command

    monkeypatch.setattr(Administration, "of", lambda _: SimpleNamespace(setup_django=lambda: None))
    live(town)
    entry = why(town, "energy", 3).entry
    asked = [str(entry.account_id), str(entry.seq)]
    shown = CliRunner().invoke(command, asked)
    assert (shown.exit_code, "slab 2: above 10 kWh: 3 kWh × 500 = -1500" in shown.output) == (0, True)
    assert json.loads(CliRunner().invoke(command, [*asked, "--json"]).output)["faults"] == []
    falsify(town, """jsonb_set(inputs, '{calculation,uses,0,1}', '12000')""")
    shown = CliRunner().invoke(command, asked)
    assert (shown.exit_code, "FAULT: the calculation comes to" in shown.output) == (1, True)
    assert "has no entry 99" in str(CliRunner().invoke(command, [asked[0], "99"]).exception)


def test_a_charge_of_energy_that_names_no_determinants_is_a_fault_and_breaks_the_law(charged):
    assert broken(charged) == set()
    falsify(charged, "inputs #- '{calculation,determinants}'")
    assert broken(charged) == {"evidence", "chains"}
    said = evidence.examine(charged.connection, bucket_of(charged.adopted.account_id), 0)
    assert [one.partition(" was ")[2] for one in said] == ["calculated from 13000, and names no determinants"]
    assert why(charged, "energy", 3).faults == (
        "the entry was calculated from 13000, and names no determinants",
    )


def test_a_charge_waits_where_readings_came_before_its_determinants(town, monkeypatch):  # noqa: F811
    """The energy was queried, then an interval came in, then the determinants were calculated."""
    from urja.pipeline import determined_rows

    real = determined_rows.stored_rows

    def later(*arguments):
        town.blocks(1, 500, first=47)
        return real(*arguments)

    town.run(0)
    town.blocks(1, *[100] * 47)
    opened = town.book()
    with monkeypatch.context() as patch:
        patch.setattr(determined_rows, "stored_rows", later)
        assert town.post(1, timedelta(hours=2)).closed.problems == []
    assert town.book() == opened
    town.run(1, timedelta(hours=2))
    assert len(town.book()) == len(opened) + 3
    assert why(town, "energy", 2).faults == ()
    assert broken(town) == set()


def test_determinants_that_differ_hold_back_no_charge_and_break_the_law(town, monkeypatch):  # noqa: F811
    from urja.pipeline import determined_rows

    real = determined_rows.stored_rows

    def otherwise(*arguments):
        return {
            id_: replace(row, values={**row.values, "import_wh": row.values["import_wh"] + 1})
            for id_, row in real(*arguments).items()
        }

    town.run(0)
    town.register(1, 18)
    with monkeypatch.context() as patch:
        patch.setattr(determined_rows, "stored_rows", otherwise)
        town.run(1)
    assert broken(town) == {"evidence"}
