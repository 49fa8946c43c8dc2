"""A supply is disconnected temporarily, reconnected, disconnected permanently, and reopened."""

from tests.apps.town import START, adopt
from tests.conftest import begun_with
from tests.pipeline.test_post import load
from tests.usecases.life import DAY, HOUR, commissioned, do, install_meter
from tests.usecases.test_moving import moving_in, orders, refused

NOON = START + 12 * HOUR
NUMBER = "URJ00000001"


def adopted(database):
    load()
    return adopt(1)


database, home = begun_with(adopted)


def cut(reason="overload", note="three times the sanctioned load"):
    from urja.usecases.operations import DisconnectTemporarily

    return DisconnectTemporarily(consumer_number=NUMBER, reason=reason, note=note)


def back(reason="overload"):
    from urja.usecases.operations import Reconnect

    return Reconnect(consumer_number=NUMBER, reason=reason)


def ending(**more):
    from urja.usecases.operations import DisconnectPermanently

    return DisconnectPermanently(**({"consumer_number": NUMBER, "at": NOON} | more))


def place():
    from urja.apps.network.models import ServicePoint

    return ServicePoint.objects.get(consumer_number=NUMBER)


class TestForAWhile:
    def test_off_and_on_again(self, home):
        do(cut(), NOON)
        do(back(), NOON + HOUR)
        assert orders() == [("hold", "overload"), ("release", "overload")]

    def test_what_stands_against_it(self, home):
        refused(cut("hunger"), "'hunger' is no reason to disconnect a supply by hand")
        refused(cut("dispute"), "'dispute' is no reason to disconnect a supply by hand")
        refused(cut(note=""), "give a reason")
        refused(back(), f"{NUMBER} is not disconnected for overload")
        do(cut(), NOON)
        refused(cut(), "is disconnected for overload already")
        refused(back("safety"), "is not disconnected for safety; it is disconnected for overload")

    def test_undoing_gives_the_contrary_order(self, home):
        from urja.usecases.operations import Undo

        entry = do(cut(), NOON)
        do(Undo(entry_id=entry.id, reason="another house"), NOON)
        assert orders() == [("hold", "overload"), ("release", "overload")]
        refused(back(), "is not disconnected for overload")


class TestForGood:
    def test_the_meter_is_fetched_by_a_work_order(self, home):
        from urja.apps.contracts.models import Agreement
        from urja.apps.work.models import WorkOrder
        from urja.usecases.operations import RemoveMeter

        do(ending(register_wh=11_000, note="the house is torn down"), NOON)
        assert place().disconnected_at == NOON
        assert Agreement.objects.get().valid_to == NOON
        order = WorkOrder.objects.get()
        assert (order.kind, order.device_id, order.state) == ("disconnect_by_hand", home.device_id, "open")
        assert orders() == [("hold", "ended")]
        do(RemoveMeter(serial=NUMBER, removed_at=NOON + HOUR, register_wh=11_000), NOON + HOUR)
        order.refresh_from_db()
        assert (order.state, order.result["register_wh"]) == ("done", 11_000)

    def test_or_was_taken_away_at_once(self, home):
        from urja.apps.assets.models import Device, DevicePeriod
        from urja.apps.work.models import WorkOrder

        do(ending(register_wh=11_000, meter_removed=True), NOON)
        assert (DevicePeriod.objects.get().valid_to, Device.objects.get().stock) == (NOON, "removed")
        assert not WorkOrder.objects.exists()

    def test_no_person_moves_in_until_it_is_opened_again(self, home):
        from urja.apps.work.models import WorkOrder
        from urja.usecases.operations import ReopenServicePoint

        do(ending(register_wh=11_000, meter_removed=True), NOON)
        refused(
            moving_in(consumer_number=NUMBER, at=NOON + HOUR),
            "is permanently disconnected: reopen_service_point first",
            at=NOON + HOUR,
        )
        do(ReopenServicePoint(consumer_number=NUMBER, note="built again"), NOON + HOUR)
        assert WorkOrder.objects.get().kind == "install"
        install_meter(1, NOON + HOUR, place=NUMBER, register_wh=11_000)
        commissioned(1, NOON + 2 * HOUR, register_wh=11_000)
        do(moving_in(consumer_number=NUMBER, at=NOON + 2 * HOUR), NOON + 2 * HOUR)
        assert place().disconnected_at is None

    def test_what_stands_against_it(self, home):
        from urja.usecases.operations import ReopenServicePoint

        refused(ending(), "is not known at")
        refused(ending(at=NOON + DAY, register_wh=11_000), "is in the future")
        refused(ending(at=START, register_wh=11_000), "began only on")
        refused(ReopenServicePoint(consumer_number=NUMBER, note="x"), "is not permanently disconnected")
        do(ending(register_wh=11_000, meter_removed=True), NOON)
        refused(ending(meter_removed=True), "is permanently disconnected since")

    def test_undoing_it(self, database, home):
        from tests.usecases.test_undoing import state

        from urja.usecases.operations import Undo

        with database.connect() as connection:
            before = state(connection)
            entry = do(ending(register_wh=11_000, meter_removed=True), NOON)
            do(Undo(entry_id=entry.id, reason="another house"), NOON)
            assert state(connection) == before
        assert orders() == [("hold", "ended"), ("release", "ended")]


class TestTakenAwayUnread:
    AT = NOON + HOUR / 3

    def test_an_end_at_which_nothing_is_known_may_be_estimated(self, home):
        from urja.usecases.operations import Undo

        refused(ending(at=self.AT, meter_removed=True), "is not known at", at=NOON + HOUR)
        refused(ending(at=self.AT, estimated=True), "an installed meter can be read", at=NOON + HOUR)
        end = ending(at=self.AT, meter_removed=True, estimated=True)
        entry = do(end, NOON + HOUR)
        assert entry.outcome["estimated"]["import_wh"] == 10_000
        assert statuses(home) == ["measured", "estimated"]
        do(Undo(entry_id=entry.id, reason="they stay"), NOON + HOUR)
        assert statuses(home) == ["measured"]

    def test_a_register_is_read_or_estimated_and_nothing_is_estimated_that_is_known(self, home):
        from urja.usecases.operations import CorrectLastRead, RemoveMeter

        def gone(**more):
            return RemoveMeter(serial=NUMBER, removed_at=self.AT, **more)

        def later(**more):
            return CorrectLastRead(serial=NUMBER, reason="laboratory", **more)

        now = NOON + HOUR
        refused(gone(register_wh=10_400, estimated=True), "either read or estimated", at=now)
        refused(later(register_wh=10_400), "no removal of meter", at=now)
        do(gone(), now)
        assert statuses(home) == ["measured"]
        refused(later(), "give the register as it was read, or set estimated", at=now)
        refused(later(register_wh=9_000), "cannot go back to 9000 Wh", at=now)
        do(later(estimated=True), now)
        refused(later(estimated=True), "leave estimated out", at=now)
        do(later(register_wh=10_400), now)
        refused(later(estimated=True), "leave estimated out", at=now)
        assert statuses(home) == ["measured", "estimated", "measured"]


def statuses(home):
    """Of each register that was kept, by time and version."""
    from django.db import connection

    from urja.apps.readings.kinds import Status

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status FROM readings_register WHERE device_id = %s ORDER BY read_at, version",
            [home.device_id],
        )
        return [Status(status).name.lower() for (status,) in cursor.fetchall()]
