"""Opening balances that files bring are signed off in one act over the exact list, before the first charge."""

from datetime import date

import pytest
from tests.apps.approvals.office import Person, state_of, work
from tests.apps.town import START
from tests.pipeline.test_decide import load_policy
from tests.pipeline.test_post import load as load_tariff
from tests.pipeline.test_rollout import begun, laws, load_flats, run, run_days
from tests.usecases.life import DAY, HOUR, commissioned, do, install_meter, stock
from tests.usecases.loading.filing import Loader

BILL = {"bill": "B-1", "due_on": "2026-01-31", "principal": "60.00", "surcharge": "3.00"}


@pytest.fixture
def load(database, tmp_path, stepped_clock):
    return Loader(tmp_path, stepped_clock)


@pytest.fixture
def two_flats(database, load):
    """Two flats; the first came with a credit and an old bill."""
    load_tariff()
    load_policy()
    load_flats(load, 2)
    assert load("balances", [{"consumer_number": "F-001", "credit": "300.00", **BILL}]).written
    with database.connect() as connection:
        yield connection


def in_service():
    """Install and commission the meters of both flats on the first day."""
    for number in (1, 2):
        stock(number)
        install_meter(number, START + 2 * HOUR, place=f"F-{number:03}")
        commissioned(number, START + 3 * HOUR)


def listed(now=START):
    from urja.apps.billing.opening_balances import unsigned_list

    return unsigned_list(now)


def sign_off(**changed):
    from urja.usecases.operations import SignOffOpeningBalances

    found = listed()
    content = {
        "content_sha256": found.sha256,
        "supplies": len(found.rows),
        "credit_minor": found.credit_minor,
        "deposit_minor": found.deposit_minor,
        "dues_minor": found.dues_minor,
    }
    return SignOffOpeningBalances(**content | changed)


def told(operation):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refused:
        do(operation, START + 3 * DAY)
    return refused.value.faults


def charged(connection):
    return connection.execute(
        "SELECT s.consumer_number, min(e.service_date), -sum(e.amount_minor)::bigint FROM books_entry e "
        "JOIN contracts_agreement a ON a.id = e.agreement_id JOIN network_service_point s ON s.id = a.service_point_id "
        "WHERE e.line = 'fixed' GROUP BY 1 ORDER BY 1"
    ).fetchall()


def test_charges_wait_for_the_sign_off_and_are_posted_after_it(two_flats, load):
    from urja.apps.billing.opening_balances import csv_of

    in_service()
    run_days(1, 3)
    assert [number for number, *_ in charged(two_flats)] == ["F-002"]
    assert "F-001" not in begun(two_flats)["states"]
    found = listed(START + 3 * DAY)
    assert (len(found.rows), found.uncharged) == (1, 1)
    assert csv_of(found).splitlines()[1] == "F-001,,INR,300.00,0.00,63.00,237.00,yes"
    changed = "the list of opening balances has changed since it was shown"
    assert told(sign_off(content_sha256="0" * 64))[0].startswith(changed)
    assert told(sign_off(dues_minor=0))[0].startswith(changed)
    do(sign_off(), START + 3 * DAY)
    assert told(sign_off()) == ["no opening balance is waiting for its sign-off"]
    run_days(3, 5)
    first = date(2026, 3, 2)
    assert charged(two_flats) == [("F-001", first, 800), ("F-002", first, 800)]
    assert all(laws(two_flats, START + 5 * DAY).values())


def test_only_what_has_changed_is_signed_off_again(two_flats, load):
    do(sign_off(), START + HOUR)
    in_service()
    run_days(1, 2)
    load.clock.set(START + 2 * DAY)
    load("balances", [{"consumer_number": "F-002", "credit": "10.00"}])
    assert [(row.consumer_number, row.holds_charges) for row in listed().rows] == [("F-002", False)]
    load("balances", [{"consumer_number": "F-001", **BILL, "principal": "50.00"}])
    assert [row.consumer_number for row in listed().rows] == ["F-001", "F-002"]
    # Accounts that are charged already go on, so that a payment still reconnects.
    run_days(2, 4)
    assert [amount for *_, amount in charged(two_flats)] == [600, 600]
    do(sign_off(), START + 4 * DAY)
    assert listed().rows == ()
    assert all(laws(two_flats, START + 4 * DAY).values())


def test_the_law_fails_where_a_balance_is_charged_unsigned(two_flats, monkeypatch):
    from urja.pipeline import close

    in_service()
    (agreement_id,) = two_flats.execute("SELECT agreement_id FROM billing_opening_balance").fetchone()
    monkeypatch.setattr(close, "_waiting", lambda _now: [(agreement_id, None)])
    run(START + DAY + 2 * HOUR)
    assert laws(two_flats)["service"] is False


def test_a_large_list_needs_passkeys_and_one_person_alone_before_service(two_flats, load):
    """Beyond the caps of a day too: the balances of a whole utility are signed off at once."""
    load("balances", [{"consumer_number": "F-002", "credit": "900000.00"}])
    person = Person("manager", "administrator")
    request = person.ask(sign_off())
    work()
    assert state_of(request) == "approval"
    person.approve(request)
    work()
    assert state_of(request) == "done"
    assert listed().rows == ()
    assert laws(two_flats)["approvals"] is True


def test_in_service_a_second_person_is_needed(two_flats, load):
    load("balances", [{"consumer_number": "F-002", "credit": "900000.00"}])
    in_service()
    person, other = Person("manager", "administrator"), Person("officer", "revenue_officer")
    request = person.ask(sign_off())
    work()
    person.approve(request)
    work()
    assert state_of(request) == "approval"
    other.approve(request)
    work()
    assert state_of(request) == "done"
