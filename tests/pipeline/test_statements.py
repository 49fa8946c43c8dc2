"""Statements of account: a stepped month's end, its revisions, and what the database and the laws refuse."""

import re
from datetime import date, timedelta

import numpy as np
import psycopg
import pytest
from tests.apps import town as town_rows
from tests.pipeline.test_ended import end, read
from tests.pipeline.test_post import CUT, Town, load, stand, town  # noqa: F401

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
MARCH_ENDS = 30
"""The 30th day of the town is 31 March."""


def days(town, first, last, kwh=3):  # noqa: F811
    """Live through days with a read of each midnight: 10 kWh at the beginning, then `kwh` a day."""
    for day in range(first, last + 1):
        town.register(day, 10 + kwh * day)
        town.post(day)


def newest(town):  # noqa: F811
    from urja.apps.statements.queries import statement, statements_of

    account = town.adopted.account_id
    return [statement(account, one.number) for one in reversed(statements_of(account))]


def by_number(town):  # noqa: F811
    return sorted(newest(town), key=lambda one: int(one.summary.number.partition("-")[2]))


def charged(town, start=MARCH):  # noqa: F811
    return town.connection.execute(
        "SELECT -sum(amount_minor)::bigint FROM books_entry WHERE origin = 'engine' AND period_start = %s",
        [start],
    ).fetchone()[0]


def broken(town):  # noqa: F811
    return {law for law, holds in town.laws().items() if not holds}


def lived_with_a_payment(database):
    """March is closed, with a recharge on the 10th and its reversal in part."""
    with stand(database) as town:  # noqa: F811
        days(town, 1, 8)
        paid = town_rows.pay(town.adopted.account_id, 20_000, "pay_1", town.midnight(8))
        town_rows.give_back(paid, 5_000, "rfnd_1", town.midnight(8))
        days(town, 9, MARCH_ENDS)
        return town.adopted


def lived_to_the_last_day(database):
    """All days of March but the last are closed, each with its read."""
    with stand(database) as town:  # noqa: F811
        days(town, 1, MARCH_ENDS - 1)
        return town.adopted


def lived_with_one_read(database):
    """March is closed in one run by the read of its end."""
    with stand(database) as town:  # noqa: F811
        through(town, MARCH_ENDS)
        return town.adopted


def lived_to_the_end_of_april(database):
    """March and April are closed, each in one run by the read of its end."""
    with stand(database) as town:  # noqa: F811
        through(town, MARCH_ENDS, MARCH_ENDS + 30)
        return town.adopted


def copy_of(story):
    """A fixture: the town at the end of a story."""

    @pytest.fixture
    def copy(lived):
        with lived(story) as (database, adopted), database.connect() as connection:
            town = Town(connection, adopted)
            town.database = database
            yield town

    return copy


march, last_day, one_read, two_reads = map(
    copy_of, (lived_with_a_payment, lived_to_the_last_day, lived_with_one_read, lived_to_the_end_of_april)
)


def test_a_statement_is_made_when_its_period_is_closed(march):
    (found,) = newest(march)
    content = found.content
    assert (content.number, content.period_from, content.period_to) == ("7-1", MARCH, APRIL)
    assert (content.bill.billed_from, content.bill.billed_to) == (date(2026, 3, 2), APRIL)
    # 90 kWh: 10 at 3.00 and 80 at 5.00; 30 days at 2.00; duty of 5 %.
    assert [(line.line, line.charged_minor) for line in content.bill.lines] == [
        ("energy", 43_000),
        ("fixed", 6_000),
        ("duty", 2_450),
    ]
    assert [(row.label, row.quantity, row.unit, row.charged_minor) for row in content.bill.lines[0].rows] == [
        ("slab 1: 0 to 10 kWh", "10", "kWh", 3_000),
        ("slab 2: above 10 kWh", "80", "kWh", 40_000),
    ]
    assert content.total_minor == content.bill.total_minor == charged(march) == 51_450
    assert [(one.line, one.amount_minor, one.day.day) for one in content.payments] == [
        ("recharge", 20_000, 11),
        ("reversal", -5_000, 11),
    ]
    assert [(one.line, one.amount_minor) for one in content.adjustments] == [("opening-credit", 50_000)]
    assert (content.opening_minor, content.closing_minor) == (0, 50_000 + 15_000 - 51_450)
    assert (content.bill.use, content.bill.determinants["import_wh"]) == (90_000, 90_000)
    assert (content.bill.opening_read.value, content.bill.closing_read.value) == (10_000, 100_000)
    assert (content.corrections, content.late, content.revises, content.bill.provisional) == (
        (),
        (),
        None,
        False,
    )
    assert broken(march) == set()


def test_running_again_makes_no_second_one(march):
    assert march.post(MARCH_ENDS).statements == 0
    assert len(newest(march)) == 1


def test_the_next_one_begins_where_it_ended(march):
    town_rows.pay(march.adopted.account_id, 7_000, "pay_2", march.midnight(MARCH_ENDS))
    days(march, MARCH_ENDS + 1, MARCH_ENDS + 30)
    former, later = (one.content for one in by_number(march))
    assert (later.number, later.period_from, later.opening_minor) == ("7-2", APRIL, former.closing_minor)
    assert [one.amount_minor for one in later.payments] == [7_000]
    assert later.closing_minor == later.opening_minor + 7_000 - charged(march, APRIL)
    assert (
        later.closing_minor
        == march.connection.execute(
            "SELECT balance_minor FROM books_account WHERE kind = 'consumer'"
        ).fetchone()[0]
    )
    assert broken(march) == set()


def test_a_recharge_after_midnight_is_of_the_next_period_though_the_close_comes_after_it(last_day):
    town_rows.pay(last_day.adopted.account_id, 20_000, "pay_1", last_day.midnight(MARCH_ENDS))
    assert last_day.post(MARCH_ENDS).credits == 1
    days(last_day, MARCH_ENDS, MARCH_ENDS)
    assert newest(last_day)[0].content.payments == ()
    days(last_day, MARCH_ENDS + 1, MARCH_ENDS + 30)
    assert [one.amount_minor for one in by_number(last_day)[1].content.payments] == [20_000]
    assert broken(last_day) == set()


def test_daily_charges_come_to_the_period_as_one_bill(town):  # noqa: F811
    """With roundings each day: thirds of a kWh, and a duty of 5 % of each day's charge."""
    for day in range(1, MARCH_ENDS + 1):
        town.register(day, 10 + day * 1.333)
        town.post(day)
    (found,) = newest(town)
    assert found.content.late == ()
    assert found.content.total_minor == found.content.bill.total_minor == charged(town)


def provisional(town):  # noqa: F811
    """The last day of March is closed without the read of its midnight."""
    town.blocks(MARCH_ENDS, *[50] * 48)
    assert town.post(MARCH_ENDS, CUT).closed.provisional == 1


def test_a_difference_to_one_bill_is_posted_with_the_statement_within_a_day(last_day):
    provisional(last_day)
    assert newest(last_day) == []
    before = charged(last_day)
    # The blocks had 2.4 kWh; the register, which comes five hours later, has 3.
    last_day.register(MARCH_ENDS, 10 + 3 * MARCH_ENDS)
    assert last_day.post(MARCH_ENDS, timedelta(hours=11)).statements == 0
    assert last_day.post(MARCH_ENDS, timedelta(hours=12)).statements == 1
    (found,) = newest(last_day)
    content = found.content
    assert [(one.line, one.charged_minor, one.one_bill, one.cause, one.day) for one in content.late] == [
        ("energy", 300, True, "late-reading", APRIL),
        ("duty", 15, True, "late-reading", APRIL),
    ]
    assert (content.total_minor, content.bill.provisional) == (before + 315, False)
    assert content.total_minor == content.bill.total_minor == charged(last_day)
    # Posted in April: it is in the charges of March, and moves the balance after March.
    assert content.closing_minor == content.opening_minor + 50_000 - before
    why = next(why for why in last_day.whys() if why.entry.seq == content.late[0].seq)
    assert (why.faults, why.one_bill) == ((), True)
    days(last_day, MARCH_ENDS + 1, MARCH_ENDS + 1)
    assert broken(last_day) == set()
    assert len(newest(last_day)) == 1


def test_a_period_whose_read_does_not_come_is_stated_as_provisional_and_revised(last_day):
    provisional(last_day)
    last_day.post(MARCH_ENDS, timedelta(hours=12))
    (first,) = newest(last_day)
    assert (first.content.bill.provisional, first.content.late) == (True, ())
    last_day.register(MARCH_ENDS, 10 + 3 * MARCH_ENDS)
    days(last_day, MARCH_ENDS + 1, MARCH_ENDS + 1)
    first, second = by_number(last_day)
    assert (first.summary.revised_by, second.summary.revises) == ("7-2", "7-1")
    assert second.content.revises.sha256 == first.summary.sha256
    assert second.content.difference_minor == 315
    assert [(one.line, one.charged_minor, one.one_bill, one.cause) for one in second.content.late] == [
        ("energy", 300, False, "late-reading"),
        ("duty", 15, False, "late-reading"),
    ]
    assert (second.content.opening_minor, second.content.closing_minor) == (
        first.content.opening_minor,
        first.content.closing_minor,
    )
    assert not second.content.bill.provisional
    days(last_day, MARCH_ENDS + 2, MARCH_ENDS + 30)
    april = by_number(last_day)[2].content
    assert [(one.period_from, one.line, one.charged_minor) for one in april.corrections] == [
        (MARCH, "duty", 15),
        (MARCH, "energy", 300),
    ]
    assert april.opening_minor == first.content.closing_minor
    assert broken(last_day) == set()


def test_a_tariff_for_past_days_revises_the_statement_with_its_cause(march):
    load("2", "2026-03-02", rate="4.00")
    days(march, MARCH_ENDS + 1, MARCH_ENDS + 1)
    revision = by_number(march)[1].content
    assert (revision.revises.number, revision.difference_minor) == ("7-1", 10 * 100 + 50)
    assert {one.cause for one in revision.late} == {"backdated-tariff"}
    assert revision.bill.tariffs[0].version == "2"
    assert broken(march) == set()
    days(march, MARCH_ENDS + 2, MARCH_ENDS + 3)
    assert len(newest(march)) == 2


def test_an_agreement_that_ends_has_a_statement_of_its_last_days(town):  # noqa: F811
    days(town, 1, 9)
    end(town.adopted.agreement_id, town.midnight(9) + timedelta(hours=10))
    town.register(10, 10 + 3 * 10)
    town.post(10)
    (found,) = newest(town)
    assert (found.content.period_from, found.content.period_to) == (MARCH, date(2026, 3, 12))
    assert broken(town) == set()


def through(town, *days):  # noqa: F811
    """Close all days up to each of these, 3 kWh a day, of which only these have a read."""
    for day in days:
        town.register(day, 10 + 3 * day)
        posted = town.post(day, CUT)
    return posted


def waiting(town):  # noqa: F811
    return town.connection.execute("SELECT period_start, closed FROM statements_due ORDER BY 1").fetchall()


def test_a_revision_and_the_next_period_are_stated_in_one_run(one_read):
    load("2", "2026-03-02", rate="4.00")
    assert through(one_read, MARCH_ENDS + 30).statements == 2
    first, revision, april = (one.content for one in by_number(one_read))
    assert (revision.revises.number, revision.period_from, april.period_from) == ("7-1", MARCH, APRIL)
    assert (april.opening_minor, april.closing_minor) == (
        first.closing_minor,
        first.closing_minor + 50_000 - 1050 - charged(one_read, APRIL),
    )
    assert (waiting(one_read), broken(one_read)) == ([], set())


LEFT = timedelta(days=27, hours=8)
"""From the town's beginning to the morning of 29 March."""


def test_an_end_that_becomes_known_late_revises_each_period_that_it_takes_back(two_reads):
    through(two_reads, MARCH_ENDS + 31)
    march, april = (one.content for one in by_number(two_reads))
    read(two_reads, two_reads.midnight(0) + LEFT, 10 + 3 * 27)
    end(
        two_reads.adopted.agreement_id,
        two_reads.midnight(0) + LEFT,
        known_at=two_reads.midnight(MARCH_ENDS + 31) + CUT,
    )
    posted = two_reads.post(MARCH_ENDS + 31, 2 * CUT)
    assert (posted.statements, posted.refused) == (2, [])
    assert [
        (one.content.revises.number, one.content.period_from, one.content.period_to, one.content.total_minor)
        for one in by_number(two_reads)[2:]
    ] == [("7-1", MARCH, march.period_to, charged(two_reads)), ("7-2", APRIL, april.period_to, 0)]
    assert (waiting(two_reads), broken(two_reads)) == ([], set())


def test_a_period_that_is_taken_back_before_it_was_stated_has_no_statement(one_read):
    one_read.post(MARCH_ENDS + 30, CUT)
    assert waiting(one_read) == [(APRIL, True)]
    read(one_read, one_read.midnight(0) + LEFT, 10 + 3 * 27)
    end(
        one_read.adopted.agreement_id,
        one_read.midnight(0) + LEFT,
        known_at=one_read.midnight(MARCH_ENDS + 30) + CUT,
    )
    one_read.post(MARCH_ENDS + 30, timedelta(hours=13))
    assert [one.content.period_from for one in by_number(one_read)] == [MARCH, MARCH]
    assert (waiting(one_read), broken(one_read)) == ([], set())


def test_an_agreement_that_goes_on_is_revised_at_the_end_of_its_period(town):  # noqa: F811
    days(town, 1, 2)
    end(town.adopted.agreement_id, town.midnight(2) + timedelta(hours=10))
    assert through(town, 3).statements == 1
    end(town.adopted.agreement_id, None, known_at=town.midnight(3) + 2 * CUT)
    posted = through(town, 4, 6)
    assert (posted.statements, posted.refused, waiting(town), broken(town)) == (0, [], [], set())
    assert through(town, MARCH_ENDS).statements == 1
    first, revision = (one.content for one in by_number(town))
    assert (revision.revises.number, revision.period_to) == (first.number, first.period_to)
    assert revision.total_minor == revision.bill.total_minor == charged(town)
    assert revision.bill.billed_to == APRIL
    assert (waiting(town), broken(town)) == ([], set())


def test_a_statement_that_is_refused_holds_no_other_account_up(town):  # noqa: F811
    other = town_rows.adopt(number=2, credit_minor=50_000)
    town_rows.store_registers(
        town.connection, town_rows.registers(other, (town.midnight(MARCH_ENDS), 100_000))
    )
    plant(
        town,
        f"IF NEW.account_id = {town.adopted.account_id} THEN NEW.total_minor := NEW.total_minor + 1; END IF",
    )
    posted = through(town, MARCH_ENDS)
    assert posted.statements == 1
    (problem,) = posted.refused
    assert problem == (
        f"account {town.adopted.account_id}: the database refuses the statement from 2026-03-01: statement 7-1 states 0, "
        "-51450 and 51451; the ledger has 0, -51450 and 51450"
    )
    assert (newest(town), waiting(town)) == ([], [(MARCH, True)])
    # It stays visible between the hours in which it is tried again.
    again = town.post(MARCH_ENDS, CUT + timedelta(minutes=20))
    assert (again.statements, again.refused) == (0, [problem])
    town.connection.execute("DROP TRIGGER a_planted ON statements_statement")
    town.connection.commit()
    corrected = town.post(MARCH_ENDS, 2 * CUT)
    assert (corrected.statements, corrected.refused) == (1, [])
    assert [one.summary.number for one in newest(town)] == ["7-2"]
    assert broken(town) == set()


def test_fifty_statements_take_as_many_sql_statements_as_one(database):
    """Each with a difference to one bill, whose cause is that the last read came late."""
    from django.db import connection

    from urja.pipeline import statements

    executed = 0

    def note(execute, sql, params, many, context):
        nonlocal executed
        executed += len(params) if many else 1
        return execute(sql, params, many, context)

    def take(bucket):
        nonlocal executed
        executed = 0
        with connection.execute_wrapper(note):
            made = statements._make(bucket, last_of_march + timedelta(hours=12))
        return made.statements, executed

    load()
    begins = town_rows.START + timedelta(days=MARCH_ENDS - 2)
    last_of_march = town_rows.START + timedelta(days=MARCH_ENDS)
    homes = [
        town_rows.adopt(number, valid_from=begins, credit_minor=50_000, bucket=8 + (number > 1))
        for number in range(1, 52)
    ]
    with database.connect() as pipeline:
        town = Town(pipeline, homes[-1])
        reads = [town_rows.registers(home, (town.midnight(MARCH_ENDS - 1), 13_000)) for home in homes]
        town_rows.store_registers(pipeline, np.concatenate(reads))
        day = [(town.midnight(MARCH_ENDS - 1) + n * town_rows.HALF_HOUR, 50) for n in range(48)]
        town_rows.store_blocks(pipeline, np.concatenate([town_rows.blocks(home, *day) for home in homes]))
        assert town.post(MARCH_ENDS, CUT).closed.provisional == len(homes)
        reads = [town_rows.registers(home, (last_of_march, 16_000)) for home in homes]
        town_rows.store_registers(pipeline, np.concatenate(reads))
        (of_one, with_one), (of_many, with_many) = take(8), take(9)
        assert (of_one, of_many, with_many) == (1, 50, with_one)
        (found,) = newest(town)
        assert found.summary.number == "9-50"
        assert {(one.one_bill, one.cause) for one in found.content.late} == {(True, "late-reading")}
        whys = {why.entry.seq: why.cause for why in town.whys()}
        assert [one.cause for one in found.content.late] == [whys[one.seq] for one in found.content.late]
        assert broken(town) == set()


def test_of_two_agreements_of_an_account_at_once_the_first_is_stated_and_the_other_refused(town):  # noqa: F811
    """No operation makes such an account: each agreement opens one of its own."""
    other = town_rows.adopt(number=2)
    town_rows.store_registers(
        town.connection, town_rows.registers(other, (town.midnight(MARCH_ENDS), 100_000))
    )
    town.connection.execute("ALTER TABLE contracts_agreement DISABLE TRIGGER USER")
    town.connection.execute(
        "UPDATE contracts_agreement SET account_id = %s WHERE id = %s",
        [town.adopted.account_id, other.agreement_id],
    )
    town.connection.commit()
    posted = through(town, MARCH_ENDS)
    (problem,) = posted.refused
    assert (posted.statements, problem.endswith("is of days that an earlier one states")) == (1, True), (
        problem
    )
    assert [one.content.agreement_id for one in newest(town)] == [town.adopted.agreement_id]


def test_the_law_names_a_period_that_is_tried_each_hour_and_never_stated(one_read):
    plant(one_read, "NEW.total_minor := NEW.total_minor + 1")
    assert through(one_read, MARCH_ENDS + 30).refused
    days(one_read, MARCH_ENDS + 31, MARCH_ENDS + 31)
    assert broken(one_read) == set()
    assert through(one_read, MARCH_ENDS + 32).refused
    assert broken(one_read) == {"statement_differences"}


def test_the_law_names_last_days_that_no_statement_has(town, monkeypatch):  # noqa: F811
    """The home has no statement at all; the other one's are from the day on which statements began."""
    from urja.apps.statements import operations

    other = town_rows.adopt(number=2, credit_minor=50_000)
    town_rows.store_registers(town.connection, town_rows.registers(other, (town.midnight(3), 20_000)))
    end(other.agreement_id, town.midnight(2) + timedelta(hours=10))
    assert through(town, 4).statements == 1
    monkeypatch.setattr(operations, "record_closed", lambda _periods, _at: None)
    through(town, 6)
    end(town.adopted.agreement_id, town.midnight(6) + timedelta(hours=10))
    assert broken(town) == set()
    assert through(town, 7).statements == 0
    assert broken(town) == {"statement_differences"}


def test_the_law_names_the_first_period_of_all_without_a_statement(town, monkeypatch):  # noqa: F811
    from urja.apps.statements import operations

    monkeypatch.setattr(operations, "record_closed", lambda _periods, _at: None)
    through(town, MARCH_ENDS)
    assert (newest(town), broken(town)) == ([], {"statement_differences"})


def test_the_day_on_which_statements_began_is_never_changed(town):  # noqa: F811
    assert town.connection.execute("SELECT day = '-infinity' FROM statements_began").fetchall() == [(True,)]
    for change in (
        "INSERT INTO statements_began VALUES ('2030-01-01')",
        "UPDATE statements_began SET day = '2030-01-01'",
        "DELETE FROM statements_began",
        "TRUNCATE statements_began",
    ):
        with pytest.raises(psycopg.IntegrityError, match="never changed"):
            town.connection.execute(change)
        town.connection.rollback()


PLANTED = {
    "another opening balance": ("opening_minor = opening_minor + 1", "states"),
    "another closing balance": ("closing_minor = closing_minor + 1", "states"),
    "other charges": ("total_minor = total_minor + 1", "states"),
    "a number too far": ("number = number + 1", "leaves a gap"),
    "a number that is used": ("number = number - 1", "leaves a gap"),
    "another hash": ("sha256 = sha256('x')", "hash of its content"),
    "another hash before": ("previous_sha256 = sha256('x')", "hash of its content"),
    "another content": ("content = replace(content, 'energy', 'ENERGY')", "hash of its content"),
    "entries that it does not reach": ("through_seq = through_seq - 1", "last entry"),
    "a period that is not closed": (
        "period_start = '2026-04-01', period_end = '2026-05-01', revises_id = NULL",
        "not closed",
    ),
    "another period than the one that it revises": ("period_start = '2026-03-02'", "another period"),
    "other days than the one that it revises": ("period_end = '2026-03-31'", "another period"),
    "days that are stated": ("revises_id = NULL", "days that an earlier one states"),
}


def plant(town, assigned):  # noqa: F811
    """Each statement is changed on its way into the table."""
    town.connection.execute(
        "CREATE OR REPLACE FUNCTION statements_planted() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {assigned}; RETURN NEW; END $$"
    )
    town.connection.execute(
        "CREATE OR REPLACE TRIGGER a_planted BEFORE INSERT ON statements_statement "
        "FOR EACH ROW EXECUTE FUNCTION statements_planted()"
    )
    town.connection.commit()


def test_the_database_refuses_a_statement_that_is_not_the_ledgers(march):
    """The second statement of a town is made by the code, and changed on its way into the table."""
    load("2", "2026-03-02", rate="4.00")
    march.register(MARCH_ENDS + 1, 10 + 3 * (MARCH_ENDS + 1))
    for hour, (name, (change, refused)) in enumerate(PLANTED.items()):
        plant(march, "; ".join(f"NEW.{one}" for one in qualified(change)))
        posted = march.post(MARCH_ENDS + 1, timedelta(hours=hour, minutes=5))
        assert posted.statements == 0
        (problem,) = posted.refused
        assert problem.startswith(f"account {march.adopted.account_id}: ")
        assert re.search(refused, problem), name
        assert len(newest(march)) == 1, name
    march.connection.execute("DROP TRIGGER a_planted ON statements_statement")
    march.connection.commit()
    assert march.post(MARCH_ENDS + 1, timedelta(hours=hour + 1, minutes=5)).statements == 1
    assert len(newest(march)) == 2


def qualified(change):
    """Assignments with the columns that they read taken from the new row."""
    columns = "opening_minor|closing_minor|total_minor|number|content|through_seq"
    for one in re.split(r", (?=\w+ = )", change):
        name, _, value = one.partition(" = ")
        yield f"{name} := {re.sub(rf'(?<!\w)({columns})(?!\w)', r'NEW.\1', value)}"


def test_the_checks_of_a_statement_read_no_table_of_statements_as_a_whole(march):
    """Of a table that is known to be small the database would: the plan stays when the table has grown."""

    def scans():
        asked = (
            "SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'statements_statement'"
        )
        return connection.execute(asked).fetchone()

    connection = march.connection
    connection.execute("ANALYZE statements_statement")
    (row,) = connection.execute("SELECT s::text FROM statements_statement s").fetchone()
    whole, by_index = scans()
    connection.rollback()
    with connection.transaction(force_rollback=True):
        for check, refused in (
            ("series", "leaves a gap"),
            ("the_amounts", "days that an earlier one states"),
        ):
            with pytest.raises(psycopg.IntegrityError, match=refused), connection.transaction():
                connection.execute(
                    "INSERT INTO statements_statement SELECT (%s::statements_statement).*", [row]
                )
            connection.execute(f"ALTER TABLE statements_statement DISABLE TRIGGER statements_check_{check}")
        assert scans() == (whole, by_index + 2)


def test_a_statement_is_never_changed(march):
    for statement in (
        "UPDATE statements_statement SET total_minor = 0",
        "DELETE FROM statements_statement",
        "TRUNCATE statements_statement CASCADE",
    ):
        with pytest.raises(psycopg.IntegrityError, match="never changed or deleted"):
            march.connection.execute(statement)
        march.connection.rollback()


def late_charges_left_out(patch):
    from urja.apps.statements import composing

    patch.setattr(composing, "_late", lambda _entries, _cause: ())


def a_payment_left_out(patch):
    from urja.apps.statements import composing

    patch.setattr(composing, "PAYMENTS", ())
    patch.setattr(composing, "_movements", lambda entries: ())


def closing_balance_of_now(patch):
    from urja.apps.statements import ledger

    patch.setattr(ledger, "_MOVEMENTS", ledger._MOVEMENTS.replace("< p.before_day", "< p.before_day + 31"))


def charges_of_energy_alone(patch):
    from urja.apps.statements import operations

    real = operations.charges_of
    patch.setattr(
        operations,
        "charges_of",
        lambda periods: {
            key: [entry for entry in found if entry.line == "energy"] for key, found in real(periods).items()
        },
    )


def numbers_with_gaps(patch):
    from urja.apps.statements import operations

    real = operations._last
    patch.setattr(operations, "_last", lambda bucket: (real(bucket)[0] + 1, real(bucket)[1]))


def revision_never_made(patch):
    from urja.apps.statements import operations

    patch.setattr(operations, "record_charged", lambda _periods, _at: None)


MUTATIONS = [
    (late_charges_left_out, "statements"),
    (a_payment_left_out, "statements"),
    (closing_balance_of_now, "statements"),
    (charges_of_energy_alone, "statements"),
    (numbers_with_gaps, "statements"),
    (revision_never_made, "statement_differences"),
]


@pytest.mark.parametrize(("mutation", "law"), MUTATIONS, ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_keeper_breaks_its_law(last_day, monkeypatch, mutation, law):
    """The database refuses most of it first: its triggers are off here, so that the laws are tested alone."""
    last_day.connection.execute("ALTER TABLE statements_statement DISABLE TRIGGER USER")
    last_day.connection.commit()
    with monkeypatch.context() as patch:
        mutation(patch)
        provisional(last_day)
        town_rows.pay(last_day.adopted.account_id, 20_000, "pay_1", last_day.midnight(MARCH_ENDS))
        last_day.post(MARCH_ENDS, timedelta(hours=12))
        last_day.register(MARCH_ENDS, 10 + 3 * MARCH_ENDS)
        days(last_day, MARCH_ENDS + 1, MARCH_ENDS + 3)
    assert broken(last_day) == {law}


def test_a_run_that_dies_has_made_a_statement_and_its_difference_or_neither(last_day, monkeypatch):
    from urja.apps.statements import operations

    provisional(last_day)
    last_day.register(MARCH_ENDS, 10 + 3 * MARCH_ENDS)
    before = charged(last_day)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(operations, "remove", die)
        with pytest.raises(KeyboardInterrupt):
            last_day.post(MARCH_ENDS, timedelta(hours=12))
    assert (newest(last_day), charged(last_day)) == ([], before)
    assert last_day.post(MARCH_ENDS, timedelta(hours=12)).statements == 1
    assert charged(last_day) == before + 315
