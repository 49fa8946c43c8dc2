"""The stage `register`: operations requested through the web are performed once, in order, and their requests
answered."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from tests.apps.town import START, adopt, remove
from tests.one_setup import with_one_setup

LATER = START + timedelta(days=1)


CLERK, ANITA, BHARAT = "user 901", "user 902", "user 903"


@pytest.fixture(autouse=True)
def _clerks(database):
    """The requester must have the right."""
    from django.contrib.auth import get_user_model

    from urja.apps.identity.models import Employment

    for actor in (CLERK, ANITA, BHARAT):
        user = get_user_model().objects.create(id=int(actor.split()[1]), username=actor)
        Employment.objects.create(
            id=user.pk, user=user, role="clerk", valid_from=START, recorded_at=START, actor="test"
        )


@pytest.fixture
def adopted(database):
    """A meter that a request names."""
    return adopt(1)


def removal(number=1, at=LATER):
    from urja.usecases.operations import RemoveMeter

    return RemoveMeter(serial=f"URJ{number:08}", removed_at=at)


def ask(operation=None, **more):
    from urja.apps.journal import requests
    from urja.apps.journal.models import Request

    asked = requests.submit(operation or removal(), **({"actor": CLERK, "requested_at": LATER} | more))
    return Request.objects.get(id=asked.id)


def run(now=LATER):
    from urja.pipeline.register import run_once as answer_requests

    return answer_requests(now).done


def answered(request):
    request.refresh_from_db()
    return request


def operations():
    from urja.apps.journal.models import AuditEntry

    return list(AuditEntry.objects.exclude(kind="adoption").order_by("id").values_list("kind", "actor"))


def test_a_request_is_done_and_says_what_it_has_changed(database):
    adopt(1)
    request = ask()
    assert run() == 1
    assert (answered(request).state, request.faults, request.answered_at) == ("done", [], LATER)
    changed = {change["table"]: change for change in request.effects["changes"]}
    assert changed["assets_device"]["after"]["stock"] == "removed"
    assert "wrapped_guek" not in changed["assets_device"]["after"]
    assert operations() == [("remove_meter", CLERK)]
    assert request.operation_id is not None
    assert run() == 0


def test_a_dry_run_changes_nothing(database):
    from urja.apps.assets.models import Device

    adopt(1)
    request = ask(dry_run=True)
    run()
    assert (answered(request).state, request.operation_id) == ("done", None)
    assert {change["table"] for change in request.effects["changes"]} == {
        "assets_device",
        "assets_device_period",
    }
    assert operations() == []
    assert Device.objects.get().stock == "installed"


def test_what_a_guard_refuses_is_told_in_sentences(database):
    request = ask()
    run()
    assert (answered(request).state, request.faults) == ("refused", ["meter URJ00000001 is not installed"])


@with_one_setup(
    "kind, content, says",
    [
        ("make_coffee", {}, "there is no operation 'make_coffee'"),
        ("remove_meter", {"serial": "URJ00000001"}, "removed_at"),
        ("remove_meter", {"serial": 7, "removed_at": LATER.isoformat()}, "serial: Expected `str`, got `int`"),
        ("remove_meter", {"serial": "X", "removed_at": "2026-03-03T00:00:00"}, "removed_at needs an offset"),
        ("remove_meter", {"serial": "X", "removed_at": LATER.isoformat(), "hammer": 1}, "hammer"),
        ("remove_meter", ["URJ00000001"], "Expected `object`, got `array`"),
    ],
)
def test_content_that_is_none_is_refused_by_its_field(database, kind, content, says):
    from urja.apps.journal.models import Request

    number = Request.objects.count() + 1
    request = Request.objects.create(id=number, kind=kind, content=content, actor=CLERK, requested_at=LATER)
    run()
    assert answered(request).state == "refused"
    (fault,) = request.faults
    assert says in fault


@with_one_setup(
    "actor, says",
    [
        ("user 901 token 7", "is not, or no longer, known here"),
        ("the web itself", "the web itself is not, or no longer, known here"),
        ("", "the sender is not, or no longer, known here"),
        ("user 904", "write:remove_meter needs one of the roles clerk, field_engineer; you have no role"),
    ],
)
def test_who_may_not_is_refused_here_too(adopted, actor, says):
    request = ask(actor=actor)
    run()
    assert (answered(request).state, operations()) == ("refused", [])
    assert says in request.faults[0]


def test_in_the_order_of_their_numbers(database):
    from urja.usecases.operations import InstallMeter

    adopt(1)
    asked = [
        ask(),
        ask(
            InstallMeter(
                serial="URJ00000001", consumer_number="URJ00000001", installed_at=LATER, register_wh=10_000
            )
        ),
        ask(),
    ]
    assert run(LATER + timedelta(hours=1)) == 3
    assert [answered(one).state for one in asked] == ["done", "done", "refused"]
    assert asked[2].faults == [f"meter URJ00000001 was installed there only on {LATER.isoformat()}"]


def test_two_clerks_one_meter_by_two_requests(database):
    """One wins; the other is told what is so now."""
    adopt(1)
    first, second = ask(actor=ANITA), ask(actor=BHARAT)
    run()
    assert (answered(first).state, answered(second).state) == ("done", "refused")
    assert second.faults == ["meter URJ00000001 is not installed"]
    assert operations() == [("remove_meter", ANITA)]


def test_two_clerks_one_meter_in_two_transactions(database):
    """Neither sees what the other is about to do: the database decides, and the loser gets a sentence."""
    from django.db import connections, transaction
    from tests.apps.town import install

    from urja.apps.journal.errors import RefusedError

    adopt(1)
    adopt(2)
    adopt(3)
    remove(3, LATER)
    remove(1, LATER)
    remove(2, LATER)
    told = []

    def bharat():
        try:
            install(3, LATER, place=2)
        except RefusedError as error:
            told.extend(error.faults)
        finally:
            connections.close_all()

    with database.connect() as watcher, transaction.atomic():
        install(3, LATER, place=1)
        thread = threading.Thread(target=bharat)
        thread.start()
        while not watcher.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", [database.name]
        ).fetchone():
            assert thread.is_alive()
    thread.join()
    assert told == ["the device is installed at another service point at that time"]


def test_a_key_asks_once(database):
    from urja.apps.journal.errors import RefusedError

    adopt(1)
    first = ask(idempotency_key="k")
    assert ask(idempotency_key="k").id == first.id
    run()
    assert ask(idempotency_key="k").state == "done"
    with pytest.raises(RefusedError, match="the key k was used for another request"):
        ask(removal(2), idempotency_key="k")


def test_killed_before_the_answer_nothing_is_done(database, monkeypatch):
    from urja.usecases import requests

    class Killed(BaseException):
        """As a signal would: no handler catches it."""

    def die(_operation_id):
        raise Killed

    adopt(1)
    request = ask()
    with monkeypatch.context() as patched:
        patched.setattr(requests, "changes_of", die)
        with pytest.raises(Killed):
            run()
    assert (answered(request).state, operations()) == ("waiting", [])
    run()
    assert (answered(request).state, operations()) == ("done", [("remove_meter", CLERK)])


def test_a_request_taken_up_again_is_done_once(database):
    """Also where it was changed back by hand."""
    adopt(1)
    request = ask()
    run()
    number = answered(request).operation_id
    type(request).objects.update(state="waiting", operation_id=None)
    run()
    assert (answered(request).operation_id, operations()) == (number, [("remove_meter", CLERK)])


def test_a_mistake_in_one_request_does_not_keep_the_others_waiting(database, monkeypatch):
    from urja.usecases.operations import RemoveMeter

    adopt(1)
    adopt(2)
    broken, whole = ask(), ask(removal(2))
    carry_out = RemoveMeter.carry_out

    def stumble(self, execution):
        assert self.serial != "URJ00000001", "planted"
        carry_out(self, execution)

    monkeypatch.setattr(RemoveMeter, "carry_out", stumble)
    assert run() == 2
    assert (answered(broken).state, answered(whole).state) == ("refused", "done")
    assert broken.faults == [f"the operation failed because of an internal error: report request {broken.id}"]
    assert operations() == [("remove_meter", CLERK)]


async def _run_as_the_runner_does():
    from urja.pipeline import register
    from urja.pipeline.django_thread import DjangoThread

    thread = DjangoThread()
    try:
        return await thread(register.run_once, LATER)
    finally:
        await thread.close()


def test_who_waits_hears_at_once(database):
    from django.db import connections

    from urja.apps.journal import requests

    adopt(1)
    request = ask()
    heard = []

    def wait():
        began = time.monotonic()
        heard.append((requests.wait_for(request.id, 60).state, time.monotonic() - began))
        connections.close_all()

    thread = threading.Thread(target=wait)
    thread.start()
    with database.connect() as watcher:
        # It listens before it looks, so from here on nothing can be missed.
        while not watcher.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND query LIKE 'SELECT%%journal_request%%' "
            "AND state = 'idle'",
            [database.name],
        ).fetchone():
            assert thread.is_alive()
    assert asyncio.run(_run_as_the_runner_does()).done == 1
    thread.join()
    ((state, waited_s),) = heard
    assert state == "done"
    assert waited_s < 60


def test_who_does_not_hear_gets_it_as_it_is(database):
    from urja.apps.journal import requests

    assert requests.wait_for(ask().id, 0.05).state == "waiting"


def test_the_rights_of_its_role_suffice_and_the_webs_do_not(database):
    """What the web may write is the request alone; the stage's role does all the rest."""
    from django.db import connections
    from django.db.utils import ProgrammingError

    from urja.usecases.operations import Undo, perform

    adopt(1, credit_minor=100)
    settings = connections["default"].settings_dict

    def become(user):
        connections.close_all()
        settings["USER"] = user

    owner = settings["USER"]
    try:
        become("urja_web")
        request = ask()
        with pytest.raises(ProgrammingError, match="permission denied"):
            perform(removal(), recorded_at=LATER, actor="x")
        become("urja_pipeline")
        run()
        assert answered(request).state == "done", request.faults
        become("urja_web")
        undone = ask(Undo(entry_id=request.operation_id, reason="no"))
        become("urja_pipeline")
        run()
        assert answered(undone).state == "done", undone.faults
    finally:
        become(owner)
