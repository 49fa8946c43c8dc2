"""Before a supply is commissioned nothing is charged, notified, disconnected or opened as work."""

from datetime import date

import pytest
from tests.apps import town
from tests.apps.town import START
from tests.pipeline.test_decide import POLICY, load_policy
from tests.pipeline.test_post import CUT, load as load_tariff
from tests.usecases.life import DAY, HOUR, commissioned, connect, do, install_meter, stock
from tests.usecases.loading.filing import Loader

MONDAY = date(2026, 3, 2)
FLATS = 200
INSTALLED_AT = START + 10 * HOUR


def load_flats(load, count, **more):
    """Load flats with their residents by file: service points, agreements and accounts without credit."""
    report = load(
        "consumers",
        [
            {
                "consumer_number": f"F-{number:03}",
                "person_name": f"Resident {number}",
                "since": "2026-03-02",
                "tariff_code": "demo",
                "sanctioned_load_w": "5000",
            }
            | more
            for number in range(1, count + 1)
        ],
    )
    assert (report.written, report.faulty) == (True, 0), report.first


@pytest.fixture
def load(database, tmp_path, stepped_clock):
    return Loader(tmp_path, stepped_clock)


@pytest.fixture
def society(database, load):
    load_tariff()
    load_policy()
    load_flats(load, FLATS)
    for number in range(1, 6):
        stock(number)
        install_meter(number, INSTALLED_AT, place=f"F-{number:03}")
    with database.connect() as connection:
        yield connection


def run(now):
    from urja.pipeline import decide, post

    post.post_due(now, CUT)
    decide.decide_due(now, int(now.timestamp() * 1000))


def run_days(first, end):
    for day in range(first, end):
        for hour in (2, 11):
            run(START + day * DAY + hour * HOUR)


def begun(connection):
    """What the pipeline has begun by itself, by the consumer number."""
    return {
        what: [number for (number,) in connection.execute(statement).fetchall()]
        for what, statement in {
            "charges": "SELECT DISTINCT s.consumer_number FROM books_entry e JOIN contracts_agreement a "
            "ON a.id = e.agreement_id JOIN network_service_point s ON s.id = a.service_point_id ORDER BY 1",
            "notices": "SELECT DISTINCT s.consumer_number FROM notices_notice n JOIN contracts_agreement a "
            "ON a.account_id = n.account_id JOIN network_service_point s ON s.id = a.service_point_id ORDER BY 1",
            "work": "SELECT DISTINCT s.consumer_number FROM work_order w JOIN network_service_point s "
            "ON s.id = w.service_point_id ORDER BY 1",
            "switching": "SELECT DISTINCT s.consumer_number FROM supply_switching w JOIN network_service_point s "
            "ON s.id = w.service_point_id ORDER BY 1",
            "states": "SELECT DISTINCT s.consumer_number FROM supply_decision d JOIN contracts_agreement a "
            "ON a.account_id = d.account_id JOIN network_service_point s ON s.id = a.service_point_id ORDER BY 1",
        }.items()
    }


def not_communicating(now):
    from urja.apps.readings.queries.overview import not_communicating

    return [one.serial for one in not_communicating(now)]


def load_policy_text(text):
    from urja.usecases.policies import load_policy

    load_policy(text, recorded_at=START, actor="test")


def collected(now):
    """Whether collection is well by the stage's judgement, and how many meters it rests on."""
    from urja.apps.supply import health

    rules = health._freshness(now)
    found = health._judge(now, None, health._collected(now, rules, None), rules.least_fresh)
    return found["collection"], found["figures"]["meters"]


def laws(connection, now=None):
    from urja.laws.verify import laws

    return laws(connection, now, town.ZONE)


def charged_from_the_beginning(patch, connection):
    from urja.apps.contracts import queries
    from urja.pipeline import close

    (agreement_id,) = connection.execute("SELECT id FROM contracts_agreement").fetchone()
    patch.setattr(close, "_waiting", lambda _now: [(agreement_id, None)])
    patch.setattr(close, "_due", lambda known, _now: [(one, MONDAY) for one in queries.agreements(known)])


def decided_from_the_beginning(patch, connection):
    from urja.apps.supply import account_states

    accounts = connection.execute("SELECT account_id FROM contracts_agreement").fetchone()
    patch.setattr(account_states, "due", lambda *_: list(accounts))


def test_nothing_begins_before_the_supply_is_commissioned(society):
    nothing = {"charges": [], "notices": [], "work": [], "switching": [], "states": []}
    run_days(1, 4)
    assert begun(society) == nothing
    # Of the meters none owes data yet: five are installed, none is in service.
    assert not_communicating(START + 4 * DAY) == []
    assert collected(START + 4 * DAY) == (True, 0)
    in_service_at = START + 3 * DAY + 12 * HOUR
    commissioned(1, in_service_at)
    run_days(4, 6)
    one = ["F-001"]
    assert begun(society) == {**nothing, "charges": one, "notices": one, "states": one}
    # Its register read of the call is data already.
    assert collected(in_service_at + HOUR) == (True, 1)
    assert collected(in_service_at + 4 * HOUR) == (False, 1)
    # The threshold is the policy's.
    text = POLICY.format(version="2", emergency=50, most=20, stagger=20)
    load_policy_text(text.replace("max_estimated_percent", "fresh_within_hours = 6\nmax_estimated_percent"))
    assert collected(in_service_at + 4 * HOUR) == (True, 1)
    assert collected(in_service_at + 7 * HOUR) == (False, 1)
    assert not_communicating(in_service_at + 2 * DAY) == ["URJ00000001"]
    first, charged = society.execute(
        "SELECT min(service_date), -sum(amount_minor) FROM books_entry WHERE line = 'fixed'"
    ).fetchone()
    # Two days, the 5th of March and the 6th: none of the days before the call.
    assert (first.isoformat(), charged) == ("2026-03-05", 400)
    assert all(laws(society, START + 6 * DAY).values())


def test_a_resident_who_leaves_before_that_gets_the_credit_back(database, load):
    from urja.apps.books.models import DebitRequest
    from urja.apps.contracts.models import Agreement
    from urja.usecases.operations import MoveOut

    load_tariff()
    load_policy()
    load_flats(load, 1)
    account_id = Agreement.objects.get().account_id
    town.pay(account_id, 5_000, "pay_1", START + HOUR)
    run_days(1, 2)
    left_at = START + 2 * DAY + 12 * HOUR
    do(MoveOut(consumer_number="F-001", at=left_at), left_at + HOUR)
    run(left_at + 3 * HOUR)
    run(left_at + 4 * HOUR)
    assert list(DebitRequest.objects.values_list("kind", "amount_minor")) == [("refund", 5_000)]


@pytest.mark.parametrize("broken", [charged_from_the_beginning, decided_from_the_beginning])
def test_the_law_fails_where_it_is_broken(database, load, monkeypatch, broken):
    load_tariff()
    load_policy()
    load_flats(load, 1)
    now = START + 2 * DAY + 2 * HOUR
    with database.connect() as connection:
        assert laws(connection)["service"] is True
        monkeypatch.setattr(
            "urja.apps.contracts.kinds.Agreement.charged_from", property(lambda own: own.valid_from)
        )
        monkeypatch.setattr("urja.apps.contracts.kinds.Agreement.is_supplied", lambda _own, _at: True)
        broken(monkeypatch, connection)
        run(now)
        assert laws(connection)["service"] is False


def test_a_work_order_before_that_breaks_the_law(database):
    from urja.apps.network.models import ServicePoint
    from urja.apps.work import operations as work
    from urja.apps.work.kinds import WorkOrderKind

    connect("F-001")
    work.open_order(
        WorkOrderKind.INSPECT,
        service_point_id=ServicePoint.objects.get().id,
        opened_at=START,
        asked={"unmetered_since": START.isoformat()},
    )
    with database.connect() as connection:
        assert laws(connection)["service"] is False


def test_fixed_charges_begin_on_their_own_day_and_nothing_else_does(database, load):
    """From 4 March on, three days before the meter is commissioned; the credit runs out and no consumer is notified."""
    load_tariff()
    load_policy()
    load_flats(load, 1, bill_from="2026-03-04")
    stock(1)
    install_meter(1, INSTALLED_AT, place="F-001")
    with database.connect() as connection:
        run_days(1, 6)
        assert begun(connection) == {
            "charges": ["F-001"], "notices": [], "work": [], "switching": [], "states": [],
        }  # fmt: skip
        assert laws(connection)["service"] is True
        commissioned(1, START + 5 * DAY + 12 * HOUR)
        run_days(6, 8)
        charged = connection.execute(
            "SELECT line, min(service_date)::text, -sum(amount_minor) FROM books_entry WHERE agreement_id IS NOT NULL "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        # Five days from the 4th to the 8th, at 2.00, with 5 % duty; no energy was used.
        assert charged == [("duty", "2026-03-04", 50), ("fixed", "2026-03-04", 1000)]
        assert begun(connection)["states"] == ["F-001"]
        assert all(laws(connection, START + 8 * DAY).values())
        connection.execute(
            "UPDATE billing_rated SET billed_value = 1000, through = '2026-03-06' WHERE agreement_id IS NOT NULL"
        )
        assert laws(connection)["service"] is False


def test_fixed_charges_that_are_decided_about_break_the_law(database, load, monkeypatch):
    """The mutation: what is charged counts as supplied."""
    load_tariff()
    load_policy()
    load_flats(load, 1, bill_from="2026-03-02")
    monkeypatch.setattr(
        "urja.apps.contracts.kinds.Agreement.is_supplied",
        lambda own, at: own.charged_from is not None and own.charged_from <= at,
    )
    with database.connect() as connection:
        decided_from_the_beginning(monkeypatch, connection)
        run(START + 2 * DAY + 2 * HOUR)
        assert laws(connection)["service"] is False


def test_a_resident_who_leaves_before_service_pays_the_fixed_charges(database, load):
    from urja.apps.books.models import DebitRequest
    from urja.apps.contracts.models import Agreement
    from urja.usecases.operations import MoveOut

    load_tariff()
    load_policy()
    load_flats(load, 1, bill_from="2026-03-03")
    town.pay(Agreement.objects.get().account_id, 5_000, "pay_1", START + HOUR)
    left_at = START + 3 * DAY
    run_days(1, 3)
    do(MoveOut(consumer_number="F-001", at=left_at), left_at + HOUR)
    for hours in (3, 4, 28):
        run(left_at + hours * HOUR)
    # Two days of 2.00 with 5 % duty.
    assert list(DebitRequest.objects.values_list("kind", "amount_minor")) == [("refund", 5_000 - 420)]


def test_a_day_before_the_agreement_is_refused(database, load):
    load_tariff()
    load_policy()
    row = {"person_name": "R", "tariff_code": "demo", "sanctioned_load_w": "5000"}
    report = load(
        "consumers", [{"consumer_number": "1", "since": "2026-03-02", "bill_from": "2026-03-01", **row}]
    )
    assert [one.sentence for one in report.first] == [
        "fixed charges cannot begin on 2026-03-01, before the agreement, which begins on 2026-03-02"
    ]
