"""An operation above a threshold needs passkeys, and is performed once it has them."""

from datetime import timedelta

import pytest
from tests.apps.approvals.office import (
    MONEY,
    NOW,
    Person,
    credits_given,
    home,
    move_in,
    state_of,
    work,
)


def faults(request):
    request.refresh_from_db()
    return [str(one) for one in request.faults]


def last_answer():
    from urja.apps.approvals.models import Answer

    return Answer.objects.latest("id")


def test_below_every_threshold_nothing_changes(database):
    home()
    clerk = Person("anita", enrolled=False)
    request = clerk.ask(move_in(credit_minor=MONEY - 1))
    work()
    assert (state_of(request), credits_given()) == ("done", [MONEY - 1])


def test_the_actors_passkey_lets_it_be_done(database):
    home()
    clerk = Person("anita")
    request = clerk.ask(move_in(credit_minor=MONEY))
    work()
    assert (state_of(request), credits_given()) == ("approval", [])
    clerk.approve(request)
    work()
    assert (state_of(request), credits_given()) == ("done", [MONEY])
    assert request.operation_id is not None
    assert request.answered_at == NOW
    assert last_answer().state == "accepted"


def test_without_a_passkey_it_is_refused_with_what_to_do(database):
    home()
    clerk = Person("anita", enrolled=False)
    request = clerk.ask(move_in(credit_minor=MONEY))
    work()
    assert state_of(request) == "refused"
    why, what_to_do = faults(request)
    assert why == "with it your manual amounts today come to 10000.00; passkeys are required from 10000.00"
    assert "get a code from the administrator (urja passkey invite)" in what_to_do


def test_a_programs_key_cannot_approve(database):
    from urja.apps.identity.models import Token

    home()
    Token.objects.create(
        id=4,
        name="crm",
        prefix="abcdefgh",
        digest=b"x",
        role="clerk",
        scopes=["write:*"],
        per_minute=60,
        expires_at=NOW + timedelta(days=1),
        recorded_at=NOW,
        actor="test",
    )
    request = Person("anita").ask(move_in(credit_minor=MONEY), actor="token 4")
    work()
    assert state_of(request) == "refused"
    assert "an API token does not have" in faults(request)[1]


def test_what_a_person_asks_by_a_key_they_approve_themselves(database):
    from urja.apps.identity.models import Token

    home()
    clerk = Person("anita")
    Token.objects.create(
        id=4,
        name="anita's",
        prefix="abcdefgh",
        digest=b"x",
        user=clerk.user,
        scopes=["write:*"],
        per_minute=60,
        expires_at=NOW + timedelta(days=1),
        recorded_at=NOW,
        actor="test",
    )
    request = clerk.ask(move_in(credit_minor=MONEY), actor=f"{clerk.actor} token 4")
    work()
    clerk.approve(request)
    work()
    assert state_of(request) == "done"


def test_large_sums_need_two_people_in_any_order(database):
    home(1)
    home(2)
    anita, bharat = Person("anita"), Person("bharat")
    for number, order in ((1, (anita, bharat)), (2, (bharat, anita))):
        request = anita.ask(move_in(number, credit_minor=10 * MONEY), now=NOW + number * timedelta(days=1))
        now = NOW + number * timedelta(days=1)
        work(now)
        order[0].approve(request, now)
        work(now)
        assert state_of(request) == "approval"
        order[1].approve(request, now)
        work(now)
        assert state_of(request) == "done"


def test_who_may_not_do_it_cannot_approve_it(database):
    home()
    anita, engineer = Person("anita"), Person("esha", "field_engineer")
    Person("bharat")
    request = anita.ask(move_in(credit_minor=10 * MONEY))
    work()
    anita.approve(request)
    engineer.approve(request)
    work()
    assert state_of(request) == "approval"
    assert "write:transfer_ownership needs one of the roles clerk" in str(last_answer().faults[0])


def test_time_that_is_over_ends_it(database):
    from urja.apps.approvals.models import Waiting

    home()
    clerk = Person("anita")
    request = clerk.ask(move_in(credit_minor=MONEY))
    work()
    over = NOW + timedelta(hours=72)
    clerk.approve(request, over)
    work(over)
    assert (state_of(request), faults(request)) == ("refused", ["it was not approved in time"])
    assert Waiting.objects.get().state == "expired"
    assert str(last_answer().faults[0]) == "the time to approve it is over"


def test_cancelled_it_is_not_done(database):
    from urja.apps.approvals import requests

    home()
    anita, bharat = Person("anita"), Person("bharat")
    request = anita.ask(move_in(credit_minor=MONEY))
    work()
    requests.cancel(request.pk, bharat.id, now=NOW)
    work()
    assert (state_of(request), faults(request)) == ("refused", ["it was cancelled before it was carried out"])
    anita.approve(request)
    work()
    assert str(last_answer().faults[0]) == "the operation is no longer pending approval"
    assert credits_given() == []


def test_who_has_nothing_to_do_with_it_cancels_nothing(database):
    from urja.apps.approvals import requests

    home()
    anita, engineer = Person("anita"), Person("esha", "field_engineer")
    request = anita.ask(move_in(credit_minor=MONEY))
    work()
    requests.cancel(request.pk, engineer.id, now=NOW)
    work()
    assert state_of(request) == "approval"


# -- sums --------------------------------------------------------------------------------------------------------


def test_sums_of_one_day_are_counted_together(database):
    home(1)
    home(2)
    clerk = Person("anita", enrolled=False)
    assert [state_of(one) for one in asked_one_after_another(clerk, NOW, NOW)] == ["done", "refused"]


def test_a_day_ends_at_local_midnight(database):
    home(1)
    home(2)
    clerk = Person("anita", enrolled=False)
    late, early = NOW.replace(hour=18, minute=29), NOW.replace(hour=18, minute=31)
    assert [state_of(one) for one in asked_one_after_another(clerk, late, early)] == ["done", "done"]


def asked_one_after_another(clerk, *instants):
    asked = []
    for number, now in enumerate(instants, 1):
        asked.append(clerk.ask(move_in(number, credit_minor=MONEY - 1), now))
        work(now)
    return asked


def test_two_that_wait_at_once_are_counted_together(database):
    """Each needs one passkey when it is asked for; the second one to be performed needs two by then."""
    home(1)
    home(2)
    anita, bharat = Person("anita"), Person("bharat")
    asked = [anita.ask(move_in(number, credit_minor=6 * MONEY)) for number in (1, 2)]
    work()
    for request in asked:
        anita.approve(request)
    work()
    assert [state_of(request) for request in asked] == ["done", "approval"]
    bharat.approve(asked[1])
    work()
    assert state_of(asked[1]) == "done"


def test_all_of_us_together_reach_a_threshold_too(database, monkeypatch):
    from urja.apps.approvals import thresholds
    from urja.core.approvals import bundled_thresholds

    text = bundled_thresholds().replace('everybody = "200000"', 'everybody = "12000"')
    thresholds.load(text.replace("default-1", "strict-1"), recorded_at=NOW, actor="test")
    home(1)
    home(2)
    clerks = [Person(name, enrolled=False) for name in ("anita", "bharat")]
    asked = [clerk.ask(move_in(n, credit_minor=6_000_00)) for n, clerk in enumerate(clerks, 1)]
    work()
    assert [state_of(request) for request in asked] == ["done", "refused"]
    assert "the manual amounts of all staff today come to 12000.00" in faults(asked[1])[0]


# -- one person is all the staff ---------------------------------------------------------------------------------


@pytest.fixture
def outbox(monkeypatch):
    from django.core import mail
    from django.test import override_settings

    with override_settings(MAILERS={"relay": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}):
        mail.outbox = []
        yield mail.outbox


def alone(name="anita"):
    anita = Person(name)
    request = anita.ask(move_in(credit_minor=10 * MONEY))
    work()
    anita.approve(request)
    return anita, request


def test_alone_it_is_done_after_the_delay_and_everybody_is_told(database, outbox):
    from urja.apps.approvals.models import Waiting

    home()
    Person("bharat", enrolled=False)
    _anita, request = alone()
    work()
    assert state_of(request) == "approval"
    assert sorted(to for message in outbox for to in message.to) == [
        "anita@urja.example",
        "bharat@urja.example",
    ]
    assert "will be done in 24 hours" in outbox[0].subject
    assert "asked for by anita@urja.example" in outbox[0].body
    assert f"http://localhost/console/approvals/{request.pk}/" in outbox[0].body
    assert "newcomer1@example.org" not in outbox[0].body
    assert Waiting.objects.get().due_at == NOW + timedelta(hours=24)
    work(NOW + timedelta(hours=23, minutes=59))
    assert (state_of(request), len(outbox)) == ("approval", 2)
    work(NOW + timedelta(hours=24))
    assert (state_of(request), credits_given()) == ("done", [10 * MONEY])


def test_until_the_staff_is_told_the_delay_does_not_begin(database, outbox, monkeypatch):
    from urja.apps.approvals.models import Waiting
    from urja.pipeline import approve

    home()

    def no_relay(*_arguments):
        raise ConnectionRefusedError("port 25")

    with monkeypatch.context() as patched:
        patched.setattr(approve, "notify_staff", no_relay)
        _anita, request = alone()
        with pytest.raises(ConnectionRefusedError):
            work()
    assert (state_of(request), Waiting.objects.get().due_at) == ("approval", None)
    work(NOW + timedelta(hours=30))
    assert Waiting.objects.get().due_at == NOW + timedelta(hours=54)
    assert state_of(request) == "approval"


def test_an_address_of_staff_that_cannot_be_mailed_keeps_no_other_from_the_notice(database, monkeypatch):
    from django.test import override_settings
    from tests.providers.relay import mailers, open_relay

    from urja.apps.approvals import staff_notice
    from urja.apps.approvals.models import Waiting

    home()
    alone()
    stored = ["a..b@x.in", "anita@urja.example"]
    monkeypatch.setattr(staff_notice, "staff_addresses", lambda _now: stored)
    with open_relay() as relay, override_settings(**mailers(relay)):
        work()
    assert relay.to == ["anita@urja.example"]
    assert Waiting.objects.get().due_at == NOW + timedelta(hours=24)


def test_during_the_delay_it_can_be_cancelled(database, outbox):
    from urja.apps.approvals import requests

    home()
    bharat = Person("bharat", enrolled=False)
    _anita, request = alone()
    work()
    requests.cancel(request.pk, bharat.id, now=NOW)
    work(NOW + timedelta(hours=25))
    assert (state_of(request), credits_given()) == ("refused", [])


def test_alone_there_are_caps_a_day(database, outbox):
    home(1)
    anita = Person("anita")
    request = anita.ask(move_in(1, credit_minor=20 * MONEY + 1))
    work()
    anita.approve(request)
    work()
    assert state_of(request) == "refused"
    assert faults(request)[0] == "with it the manual amounts today come to 200000.01; the cap is 200000.00"


def test_at_first_set_up_no_request_waits(database, outbox):
    """No supply is commissioned yet."""
    from tests.apps.town import by_hand

    from urja.apps.assets.models import DevicePeriod

    home()
    with by_hand():
        DevicePeriod.objects.update(commissioned_at=None)
    _anita, request = alone()
    work()
    assert (state_of(request), outbox) == ("done", [])


def test_who_enrols_meanwhile_is_the_second_person(database, outbox):
    home()
    _anita, request = alone()
    work()
    bharat = Person("bharat")
    work(NOW + timedelta(hours=24))
    assert state_of(request) == "approval"
    assert work(NOW + timedelta(hours=24)) == 0
    bharat.approve(request, NOW + timedelta(hours=25))
    work(NOW + timedelta(hours=25))
    assert state_of(request) == "done"


def test_the_rights_of_the_pipeline_suffice(database):
    """From the request to the delay and the demonstration's outbox, in its own role; the web's records the answers."""
    from django.db import connections
    from django.test import override_settings

    from urja.base.settings import MailSettings
    from urja.web.settings import web_settings

    home()
    anita = Person("anita")
    settings = connections["default"].settings_dict

    def become(user):
        connections.close_all()
        settings["USER"] = user

    owner = settings["USER"]
    try:
        with override_settings(MAILERS=web_settings(secure=False, demo=True, mail=MailSettings())["MAILERS"]):
            become("urja_web")
            request = anita.ask(move_in(credit_minor=10 * MONEY))
            become("urja_pipeline")
            work()
            become("urja_web")
            anita.approve(request)
            become("urja_pipeline")
            work()
            work(NOW + timedelta(hours=24))
    finally:
        become(owner)
    from urja.apps.notices.models import Message

    assert (state_of(request), Message.objects.count()) == ("done", 1)
