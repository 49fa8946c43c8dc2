"""A fault of one account in a step of the pipeline: it is recorded, listed, tried again later, and stops no other account."""

from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import psycopg
import pytest
from tests.apps import town
from tests.apps.town import START, ZONE, adopt
from tests.pipeline.test_decide import HOUR, MINUTE, Place
from tests.usecases.test_terms import day

NOW = START + 9 * HOUR


def two_houses(database):
    return Place(database, [adopt(n, credit_minor=10_000) for n in (1, 2)]).left()


@pytest.fixture
def place(lived):
    """Two houses with 100 rupees each; each uses 1 kWh."""
    with lived(two_houses) as (database, kept):
        place = Place.resumed(database, kept)
        yield place
        place.connection.close()


def plant(place, table, of, when="INSERT"):
    """Let the database refuse rows of a table for one account, as a rule does that its rows contradict."""
    place.connection.execute(
        "CREATE OR REPLACE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    place.connection.execute(
        f"CREATE TRIGGER planted BEFORE {when} ON {table} FOR EACH ROW WHEN ({of}) EXECUTE FUNCTION planted()"
    )


def lift(place, table):
    place.connection.execute(f"DROP TRIGGER planted ON {table}")


def failing():
    from urja.apps.journal.queries import failures

    return [(one.stage, one.step, one.subject, one.subject_id, one.tries) for one in failures()]


# -- the steps -------------------------------------------------------------------------------------------------------


def post(place, now):
    from urja.pipeline import post

    return post.run_once(now, HOUR).held


def decide(place, now):
    from urja.pipeline.decide import Decide

    return Decide(1.0).run_once(now).held


def determine(place, now):
    from urja.pipeline.determine import Determine

    return Determine().run_once(now).held


def display(place, now):
    from urja.pipeline.display import Display

    return Display(ZoneInfo(ZONE)).run_once(now, place.wall_ms).held


def configure(place, now):
    from urja.pipeline.configure import Configure

    return Configure().run_once(now, place.wall_ms).held


def mode_changes(place, now):
    from urja.pipeline import mode_changes

    return mode_changes.run_once(now).held


# -- what each of them is to do for both houses ----------------------------------------------------------------------


def a_day_to_close(place):
    for house in (0, 1):
        place.use(1_000, house=house)
    return place.at(2, 9)


def credits_to_post(place):
    for house in place.houses:
        town.pay(house.account_id, 5_000, f"pay_{house.account_id}", NOW)
    return NOW


def debits_to_post(place):
    paid = [town.pay(house.account_id, 5_000, f"pay_{house.account_id}", NOW) for house in place.houses]
    post(place, NOW)
    for n, one in enumerate(paid):
        town.give_back(one, 2_000, f"rfnd_{n}", NOW)
    return NOW


def determinants_to_store(place):
    now = a_day_to_close(place)
    post(place, now)
    place.connection.execute("ALTER TABLE determinants_row DISABLE TRIGGER USER")
    place.connection.execute("DELETE FROM determinants_row")
    place.connection.execute("ALTER TABLE determinants_row ENABLE TRIGGER USER")
    return now


def balances_to_write(place):
    now = a_day_to_close(place)
    place.go(now)
    return now


def modes_to_set(place):
    from urja.usecases.operations import ChangeLoad, perform

    for n in (1, 2):
        change = ChangeLoad(consumer_number=f"URJ{n:08}", sanctioned_load_w=4_000, effective_on=day(1))
        perform(change, recorded_at=NOW, actor="clerk")
    return NOW


def modes_to_change(place):
    from urja.usecases.operations import ChangeModes, perform

    order = ChangeModes(
        payment_mode="postpaid",
        effective_on=day(1),
        consumer_numbers=("URJ00000001", "URJ00000002"),
        reason="an order of the state",
    )
    perform(order, recorded_at=NOW, actor="user 5")
    return NOW


def instalments_to_post(place):
    from tests.pipeline.test_arrears import owes

    from urja.usecases.operations import AgreeInstalments, perform

    for n, house in enumerate(place.houses, 1):
        owes(house, (f"B-{n}", "2026-01-15", 6_000, 0))
        agreed = AgreeInstalments(
            consumer_number=f"URJ{n:08}", every="day", amount_minor=500, first_due_on=day(1), reason="agreed"
        )
        perform(agreed, recorded_at=NOW, actor="officer")
    return a_day_to_close(place)


def settlements_to_make(place):
    from urja.usecases.operations import MoveOut, perform

    place.now = place.at(1, 12)
    for n in (1, 2):
        place.use(1_000, house=n - 1)
        leaving = MoveOut(consumer_number=f"URJ{n:08}", at=place.now, register_wh=11_000)
        perform(leaving, recorded_at=place.now + HOUR, actor="clerk")
    return place.at(2, 9)


def ends_known_late(place):
    """Two days are closed, and then it turns out that both consumers had left in the first."""
    from tests.pipeline.test_ended import end

    for n in (2, 3):
        place.now = place.at(n, 0)
        for house in (0, 1):
            place.use(1_000, house=house)
        post(place, place.now + HOUR)
    for house in place.houses:
        end(house.agreement_id, place.at(1, 12), known_at=place.at(3, 9))
    return place.at(3, 10)


def reviews_to_end(place):
    from tests.pipeline.test_reviews import load_rules

    load_rules()
    for n, wh in enumerate((5_000, 5_000, 5_000, 60_000), 2):
        for at, used in ((place.at(n - 1, 23), wh), (place.at(n, 0), 0)):
            place.now = at
            for house in (0, 1):
                place.use(used, house=house)
        post(place, place.now + HOUR)
    (ends_at,) = place.connection.execute("SELECT max(ends_at) FROM billing_review").fetchone()
    return ends_at


def postings(place):
    return accounts(place, "books_entry WHERE origin = 'engine'")


def accounts(place, source):
    return {one for (one,) in place.connection.execute(f"SELECT account_id FROM {source}").fetchall()}


def of_agreements(place, source):
    found = {one for (one,) in place.connection.execute(f"SELECT agreement_id FROM {source}").fetchall()}
    return {house.account_id for house in place.houses if house.agreement_id in found}


STEPS = {
    "the close of a day": (
        post, a_day_to_close, "books_entry", "NEW.account_id = {account} AND NEW.origin = 'engine'", "INSERT", postings,
    ),
    "credits": (
        post, credits_to_post, "books_credit_request", "NEW.account_id = {account}", "UPDATE",
        partial(accounts, source="books_credit_request WHERE posted_at IS NOT NULL"),
    ),
    "debits": (
        post, debits_to_post, "books_debit_request", "NEW.account_id = {account}", "UPDATE",
        partial(accounts, source="books_debit_request WHERE posted_at IS NOT NULL"),
    ),
    "calculating determinants": (
        determine, determinants_to_store, "determinants_row", "NEW.agreement_id = {agreement}", "INSERT",
        partial(of_agreements, source="determinants_row"),
    ),
    "its decision": (
        decide, a_day_to_close, "supply_state", "NEW.account_id = {account}", "INSERT",
        partial(accounts, source="supply_state"),
    ),
    "writing the balance": (
        display, balances_to_write, "commands_command", "NEW.account_id = {account}", "INSERT",
        partial(accounts, source="commands_command"),
    ),
    "the configuration of the meter": (
        configure, modes_to_set, "commands_command", "NEW.account_id = {account}", "INSERT",
        partial(accounts, source="commands_command"),
    ),
    "its conversion": (
        mode_changes, modes_to_change, "contracts_mode_change_row",
        "NEW.agreement_id = {agreement} AND NEW.state = 'done'", "UPDATE",
        partial(of_agreements, source="contracts_agreement_terms WHERE payment_mode = 'postpaid'"),
    ),
    "instalments": (
        post, instalments_to_post, "books_entry", "NEW.account_id = {account} AND NEW.line = 'arrears'", "INSERT",
        partial(accounts, source="books_entry WHERE line = 'arrears'"),
    ),
    "the final settlement": (
        post, settlements_to_make, "billing_final_settlement", "NEW.account_id = {account}", "UPDATE",
        partial(accounts, source="billing_final_settlement WHERE settled_at IS NOT NULL"),
    ),
    "a correction after the end": (
        post, ends_known_late, "books_entry", "NEW.account_id = {account} AND NEW.amount_minor > 0", "INSERT",
        partial(accounts, source="books_entry WHERE origin = 'engine' AND amount_minor > 0"),
    ),
    "the end of a review": (
        post, reviews_to_end, "billing_review", "NEW.account_id = {account}", "UPDATE",
        partial(accounts, source="billing_review WHERE ended_at IS NOT NULL"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_one_account_is_held_back_and_the_other_goes_on(place, step):
    stage, prepare, table, of, when, done = STEPS[step]
    good, bad = place.houses
    now = prepare(place)
    plant(place, table, of.format(account=bad.account_id, agreement=bad.agreement_id), when)
    before = done(place) - {good.account_id}
    held = stage(place, now)
    assert done(place) - before == {good.account_id}
    (failure,) = failing()
    assert (failure[1], failure[4]) == (step, 1)
    (sentence,) = held
    assert f"{step} has failed once since" in sentence
    assert "planted" in sentence
    # It stays listed, and is not tried before its time.
    assert list(stage(place, now)) == [sentence]
    lift(place, table)
    assert list(stage(place, now)) == [sentence]
    assert bad.account_id not in done(place) - before
    assert list(stage(place, now + HOUR)) == []
    assert done(place) - before == {good.account_id, bad.account_id}
    assert failing() == []


def test_a_failure_is_tried_again_after_a_growing_time(place):
    from urja.apps.journal.queries import failures

    now = a_day_to_close(place)
    bad = place.houses[1].account_id
    plant(place, "books_entry", f"NEW.account_id = {bad} AND NEW.origin = 'engine'")
    waits = []
    for _ in range(12):
        post(place, now)
        (failure,) = failures("post")
        waits.append(failure.again_at - now)
        now = failure.again_at
    minutes = [wait / MINUTE for wait in waits]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    assert failure.tries == 12


@pytest.mark.parametrize(
    ("step", "module", "limit"),
    [
        ("its decision", "decide", "MAX_ACCOUNTS"),
        ("the configuration of the meter", "configure", "AT_ONCE"),
        ("its conversion", "mode_changes", "AT_ONCE"),
        ("instalments", "instalments", "AT_ONCE"),
        ("the final settlement", "final_settlements", "AT_ONCE"),
        ("credits", "credits.operations", "AT_ONCE"),
        ("debits", "credits.operations", "AT_ONCE"),
    ],
)
def test_what_waits_takes_no_place_of_a_run(place, monkeypatch, step, module, limit):
    """A run has one place; after the first run it is the other house's, whichever was first."""
    stage, prepare, table, of, when, done = STEPS[step]
    bad, good = place.houses
    now = prepare(place)
    before = done(place)
    plant(place, table, of.format(account=bad.account_id, agreement=bad.agreement_id), when)
    monkeypatch.setattr(f"urja.pipeline.{module}.{limit}", 1)
    stage(place, now)
    stage(place, now)
    assert done(place) - before == {good.account_id} - before
    assert len(failing()) == 1


def stop_the_order(place, house, now):
    from urja.usecases.operations import StopModeChange, perform

    (order,) = place.connection.execute("SELECT id FROM contracts_mode_change").fetchone()
    perform(StopModeChange(mode_change_id=order, reason="ruled otherwise"), recorded_at=now, actor="user 5")


def decide_the_review(place, house, now):
    from urja.usecases.operations import DecideReview, perform

    (review,) = place.connection.execute(
        "SELECT id FROM billing_review WHERE account_id = %s", [house.account_id]
    ).fetchone()
    perform(
        DecideReview(
            consumer_number="URJ00000002", review_id=review, outcome="confirmed", reason="read again"
        ),
        recorded_at=now,
        actor="officer",
    )


def end_the_plan(place, house, now):
    from urja.usecases.operations import EndInstalments, perform

    perform(
        EndInstalments(consumer_number="URJ00000002", from_on=day(1), reason="he asked"),
        recorded_at=now,
        actor="officer",
    )


def a_second_day_to_close(place):
    post(place, a_day_to_close(place))
    return place.at(3, 9)


def end_before_the_day(place, house, now):
    from tests.pipeline.test_ended import end

    end(house.agreement_id, place.at(2, 0), known_at=now)


@pytest.mark.parametrize(
    ("step", "prepare", "over"),
    [
        ("its conversion", modes_to_change, stop_the_order),
        ("the end of a review", reviews_to_end, decide_the_review),
        ("instalments", instalments_to_post, end_the_plan),
        ("the close of a day", a_second_day_to_close, end_before_the_day),
    ],
)
def test_a_failure_ends_with_the_work(place, step, prepare, over):
    stage, _, table, of, when, _ = STEPS[step]
    _, bad = place.houses
    now = prepare(place)
    plant(place, table, of.format(account=bad.account_id, agreement=bad.agreement_id), when)
    stage(place, now)
    assert len(failing()) == 1
    lift(place, table)
    over(place, bad, now)
    # Not before it would have been tried again: until then it is not known.
    stage(place, now)
    assert len(failing()) == 1
    stage(place, now + HOUR)
    assert failing() == []


def test_a_display_that_fails_does_not_end_the_look_at_all_displays(place, monkeypatch):
    from urja.pipeline.display import Display

    bad, good = place.houses
    now = balances_to_write(place)
    plant(place, "commands_command", f"NEW.account_id = {bad.account_id}")
    monkeypatch.setattr("urja.pipeline.display.AT_ONCE", 1)
    stage = Display(ZoneInfo(ZONE))
    done = [stage.run_once(now, place.wall_ms).done for _ in range(3)]
    assert (done, accounts(place, "commands_command")) == ([0, 1, 0], {good.account_id})


@pytest.mark.parametrize("news", ["paid", "ordered"])
def test_who_has_news_is_decided_at_once_and_not_when_the_failure_is_tried_again(place, news):
    from tests.pipeline.test_decide import cut

    from urja.apps.journal.queries import failures

    place.use(0, house=1)
    cut(place)
    account = place.houses[0].account_id
    if news == "ordered":
        place.pay(2_000)
        place.go(place.at(1, 10, 3))
        place.sent()
        place.report("confirmed")
        place.go(place.at(1, 10, 4))
    place.now = place.at(1, 10, 30)
    place.use(1_000)
    plant(place, "supply_state", f"NEW.account_id = {account}")
    for _ in range(4):
        decide(place, place.now)
        (failure,) = failures("decide")
        last, place.now = place.now, failure.again_at
    place.now = last + MINUTE
    # Meanwhile the cause is still there: the news is tried, and again after a minute, not after eight.
    if news == "paid":
        place.pay(2_000)
    else:
        place.order("hold", "safety")
    post(place, place.now)
    decide(place, place.now)
    (failure,) = failures("decide")
    assert (failure.tries, failure.again_at) == (5, place.now + MINUTE)
    lift(place, "supply_state")
    place.go(place.now + MINUTE)
    assert failing() == []
    assert place.commands()[-1] == ("connect" if news == "paid" else "disconnect", "queued")


def test_what_only_the_end_of_the_transaction_would_refuse_is_refused_in_the_savepoint(place):
    """The books check each batch when the transaction ends; a wrong one of one account does not undo the others."""
    from urja.apps.books import posting

    good, bad = place.houses
    now = a_day_to_close(place)
    real = posting._store_heads

    def store(heads, batch):
        for head in heads:
            head.balance_minor += head.id == bad.account_id
        real(heads, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posting, "_store_heads", store)
        post(place, now)
    assert postings(place) == {good.account_id}
    assert [one[3] for one in failing()] == [bad.account_id] * len(failing())


def test_a_service_that_is_away_and_a_programming_error_are_no_failure_of_an_account(place):
    from urja.pipeline.savepoints import Savepoints

    apart = Savepoints.of("post", "a step", NOW)
    for error in (psycopg.OperationalError("away"), AssertionError("never")):

        def work(_members, error=error):
            raise error

        with pytest.raises(type(error)):
            apart.run([1, 2], lambda one: ("account", one), work)
    assert failing() == []


def test_many_are_halved_until_those_that_are_refused_stand_alone(place):
    from urja.pipeline.savepoints import Savepoints

    groups = []

    def work(members):
        if {17, 40} & set(members):
            raise ValueError("wrong")
        groups.append(members)
        return len(members)

    apart = Savepoints.of("post", "a step", NOW)
    assert sum(apart.run(range(64), lambda one: ("account", one), work)) == 62
    assert len(groups) <= 11
    assert [one[3] for one in failing()] == [17, 40]
    assert apart.due() == []
    later = Savepoints.of("post", "a step", NOW + timedelta(minutes=1))
    assert later.due() == [17, 40]
