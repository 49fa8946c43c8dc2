"""Work orders: each step guarded and recorded, and results stored where they belong."""

from datetime import timedelta

import pytest
from tests.apps.town import START, adopt
from tests.apps.work.test_work import JPEG
from tests.conftest import begun_with

HOUR = timedelta(hours=1)
NOON = START + 12 * HOUR


def adopted(database):
    return adopt(1)


database, home = begun_with(adopted)


def do(operation, at=NOON, actor="clerk"):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=at, actor=actor)


def refused(operation, says, at=NOON):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError, match=says):
        do(operation, at)


def opened(kind="inspect", note="the lid is loose", at=START + HOUR, **more):
    from urja.usecases.operations import OpenWorkOrder

    operation = OpenWorkOrder(consumer_number="URJ00000001", kind_of_work=kind, note=note, **more)
    return do(operation, at).outcome["work_order_id"]


def closing(number, **more):
    from urja.usecases.operations import CloseWorkOrder

    values = {"work_order_id": number, "closed_at": NOON, "note": "screwed on"}
    return CloseWorkOrder(**(values | more))


def order(number):
    from urja.apps.work.models import WorkOrder

    return WorkOrder.objects.get(id=number)


def employ(email, role="field_engineer"):
    from urja.usecases.operations import employ

    return employ(email, "Anil", role, recorded_at=START, actor="test")


def test_an_order_from_the_call_to_the_visit(home):
    from urja.apps.assets.models import Seal
    from urja.apps.journal.models import AuditEntry
    from urja.apps.work.requests import add_photo
    from urja.usecases.operations import AssignWorkOrder

    fitter = employ("anil@utility.example")
    number = opened(due_at=NOON)
    do(AssignWorkOrder(work_order_id=number, email="Anil@utility.example"))
    assert order(number).assignee_id == fitter.pk
    photo = add_photo(number, JPEG, recorded_at=NOON, actor="anil")
    do(closing(number, register_wh=10_400, seals=("S-1", "S-2"), photos=(photo.id,)), actor="anil")
    done = order(number)
    assert (done.state, done.closed_at, done.asked) == ("done", NOON, {"note": "the lid is loose"})
    assert (done.result["note"], done.result["register_wh"], done.result["actor"]) == (
        "screwed on",
        10_400,
        "anil",
    )
    assert (done.result["seals"], done.result["photos"]) == (["S-1", "S-2"], [photo.id])
    assert set(Seal.objects.values_list("number", "device_id")) == {
        ("S-1", home.device_id),
        ("S-2", home.device_id),
    }
    story = AuditEntry.objects.filter(service_point_id=home.service_point_id).order_by("id")
    assert [entry.kind for entry in story[1:]] == ["open_work_order", "assign_work_order", "close_work_order"]


def test_the_register_that_was_read_counts(database, home):
    number = opened()
    do(closing(number, register_wh=10_400))
    with database.connect() as connection:
        rows = connection.execute("SELECT billed_value, watermark_at FROM readings_accrual").fetchall()
    assert rows == [(400, NOON)]


def test_seals_are_taken_off_and_put_on(home):
    from urja.apps.assets.models import Seal

    do(closing(opened(), seals=("S-1",)))
    number = opened(at=NOON)
    do(closing(number, closed_at=NOON + HOUR, seals=("S-2",), removed_seals=("S-1",)), NOON + HOUR)
    assert set(Seal.objects.filter(removed_at=None).values_list("number", flat=True)) == {"S-2"}


def test_an_order_to_set_a_meter_says_what_it_is_by_then(home):
    from urja.apps.assets.models import Configuration
    from urja.apps.work.operations import open_order

    waiting = open_order(
        "configure",
        service_point_id=home.service_point_id,
        device_id=home.device_id,
        opened_at=START,
        asked={"item": "load_limit_w", "value": "5000", "why": "refused"},
    )
    do(closing(waiting.id))
    found = Configuration.objects.get()
    assert (found.item, found.actual, found.actual_at) == ("load_limit_w", "5000", NOON)


class TestRefusals:
    def test_what_is_not_there_or_has_ended(self, home):
        from urja.usecases.operations import WithdrawWorkOrder

        refused(closing(5), "there is no work order 5")
        number = opened()
        do(WithdrawWorkOrder(work_order_id=number, reason="he called again"))
        assert order(number).result == {"withdrawn": "he called again"}
        refused(closing(number), f"work order {number} is withdrawn since")
        refused(WithdrawWorkOrder(work_order_id=number, reason="x"), "is withdrawn since")

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"note": " "}, "state what was found"),
            ({"closed_at": NOON + HOUR}, "is in the future"),
            ({"closed_at": START}, "was opened only at"),
            ({"register_wh": 9_999}, "cannot go back to 9999 Wh"),
            ({"register_wh": 400_000}, "can have counted at most 187200 Wh"),
            ({"register_wh": -1}, "cannot read -1 Wh"),
            ({"seals": ("S", "S")}, "given twice"),
            ({"seals": ("",)}, "1 to 32 characters"),
            ({"removed_seals": ("S-9",)}, "seal S-9 is not on meter URJ00000001"),
            ({"photos": (7,)}, "photo 7 was not recorded for this work order"),
        ],
    )
    def test_what_cannot_be(self, home, change, says):
        refused(closing(opened(), **change), says)

    def test_a_seal_that_is_somewhere_else(self, home):
        adopt(2)
        do(closing(opened(), seals=("S-1",)))
        refused(closing(opened(at=NOON), seals=("S-1",)), "seal S-1 was put on meter URJ00000001")

    def test_what_is_done_by_installing_a_meter(self, home):
        refused(closing(opened("install")), r"\(install\) is closed by the operation install_meter")

    def test_twice_and_unknown_kinds_and_people(self, home):
        from urja.usecases.operations import AssignWorkOrder, OpenWorkOrder

        number = opened()
        again = OpenWorkOrder(consumer_number="URJ00000001", kind_of_work="inspect", note="again")
        refused(again, f"work order {number} .* is open there already")
        unknown = OpenWorkOrder(consumer_number="NONE", kind_of_work="paint", note="")
        refused(
            unknown,
            "there is no kind of work 'paint'.*state what is to be done.*there is no service point NONE",
        )
        found = OpenWorkOrder(consumer_number="URJ00000001", kind_of_work="cover_opened", note="look")
        refused(
            found,
            "there is no kind of work 'cover_opened': choose inspect, install, exchange, disconnect_by_hand$",
        )
        stranger = AssignWorkOrder(work_order_id=number, email="person1@example.org")
        refused(stranger, "no member of staff has the address person1@example.org")


def test_undoing_the_opening_withdraws_it_until_the_visit(home):
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import Undo

    first, second = opened(), opened("exchange")
    entries = list(AuditEntry.objects.filter(kind="open_work_order").order_by("id"))
    do(closing(first))
    refused(
        Undo(entry_id=entries[0].id, reason="x"),
        f"work order {first} .* is done: the work at the meter cannot be undone",
    )
    do(Undo(entry_id=entries[1].id, reason="a wrong number"))
    assert order(second).state == "withdrawn"
    closed = AuditEntry.objects.get(kind="close_work_order")
    refused(Undo(entry_id=closed.id, reason="x"), r"\(close_work_order\) cannot be undone")


def test_an_exchange_and_a_removal_close_their_orders(home):
    from tests.apps.town import remove

    from urja.usecases.operations import ExchangeMeter, RemoveMeter

    adopt(2)
    remove(2, START + HOUR)
    exchange, away = opened("exchange"), opened("disconnect_by_hand")
    do(
        ExchangeMeter(
            consumer_number="URJ00000001",
            at=NOON,
            old_register_wh=10_100,
            new_serial="URJ00000002",
            new_register_wh=5,
            reason="burnt",
            seals=("S-5",),
        )
    )
    assert (order(exchange).state, order(exchange).result["seals"]) == ("done", ["S-5"])
    assert order(away).state == "open"
    do(RemoveMeter(serial="URJ00000002", removed_at=NOON + HOUR, register_wh=6), NOON + HOUR)
    assert (order(away).state, order(away).result["register_wh"]) == ("done", 6)


def test_the_pipelines_role_can_do_all_of_it(database, home):
    from django.db import connections

    from urja.apps.work.requests import add_photo
    from urja.usecases.operations import AssignWorkOrder, WithdrawWorkOrder

    employ("anil@utility.example")
    settings = connections["default"].settings_dict
    owner = settings["USER"]
    connections.close_all()
    try:
        settings["USER"] = "urja_pipeline"
        number = opened()
        do(AssignWorkOrder(work_order_id=number, email="anil@utility.example"))
        connections.close_all()
        settings["USER"] = "urja_web"
        photo = add_photo(number, JPEG, recorded_at=NOON, actor="anil")
        connections.close_all()
        settings["USER"] = "urja_pipeline"
        do(closing(number, register_wh=10_001, seals=("S-1",), photos=(photo.id,)))
        do(WithdrawWorkOrder(work_order_id=opened(at=NOON), reason="no need"))
    finally:
        connections.close_all()
        settings["USER"] = owner
    assert order(number).done
