"""A meter is removed unread: its last energy waits, is read later or estimated, and then everything is settled."""

import pytest
from tests.apps import town
from tests.apps.town import START, in_stock, remove
from tests.pipeline.test_leaving import NOON, debits, place, post  # noqa: F401 - a fixture
from tests.usecases.life import DAY, HOUR, do

GONE = NOON + HOUR
"""12 o'clock is known by blocks: 2.4 kWh; of the hour after it nothing is."""
LEFT = START + 2 * DAY + 12 * HOUR
CREDIT = 50_000
FIXED = 3 * 200


def due(wh):
    """What three days come to with so much energy, by hand: 3 rupees a kWh, 2 a day, 5 % duty on both."""
    energy = wh * 300 // 1000
    return energy + FIXED + (5 * (energy + FIXED) + 50) // 100


@pytest.fixture
def unread(place):  # noqa: F811
    """The meter went unread at 13:00, and its consumer two days later."""
    place.meter.blocks(START, *[100] * 24)
    remove(1, GONE)
    leave()
    post(LEFT + 5 * HOUR)
    return place


def leave(at=LEFT):
    from urja.usecases.operations import MoveOut

    return do(MoveOut(consumer_number="URJ00000001", at=at), at + HOUR)


def correct(at=LEFT + 6 * HOUR, **more):
    from urja.usecases.operations import CorrectLastRead

    return do(CorrectLastRead(serial="URJ00000001", reason="laboratory", **more), at)


def orders():
    from urja.apps.work.models import WorkOrder

    return [
        (order.kind, order.state, order.device.serial)
        for order in WorkOrder.objects.exclude(device=None).select_related("device").order_by("opened_at")
    ]


def laws(place):  # noqa: F811
    from urja.laws.verify import laws

    return laws(place.meter.connection, zone=town.ZONE)


def energy_whys(place):  # noqa: F811
    from urja.apps.billing.queries.ledger_entries import entries, explain_entry

    account = place.first.account_id
    return [explain_entry(account, e.seq) for e in reversed(entries(account, 1000)) if e.line == "energy"]


def test_the_charge_is_pending_and_a_work_order_is_opened(unread):
    from urja.apps.readings.queries import missing_final_reads as waiting

    assert (unread.final().settled_at, debits()) == (None, [])
    assert orders() == [("inspect", "open", "URJ00000001")]
    (one,) = waiting.at_service_point(unread.first.service_point_id)
    assert (one.serial, one.removed_at, one.known_to) == ("URJ00000001", GONE, NOON)
    post(LEFT + 2 * DAY)
    assert len(orders()) == 1
    assert unread.final().settled_at is None


def test_a_register_that_is_read_later_settles_it_to_the_paisa(unread):
    correct(register_wh=12_700)
    post(LEFT + 7 * HOUR)
    assert debits() == [("refund", "refund", CREDIT - due(2_700))]
    post(LEFT + DAY)
    assert unread.balance() == 0
    assert orders() == [("inspect", "withdrawn", "URJ00000001")]
    assert all(laws(unread).values()), laws(unread)


def test_blocks_that_come_late_say_as_much(unread):
    late = town.blocks(unread.first, (NOON, 100), (NOON + town.HALF_HOUR, 100))
    late["received_at"] = int((LEFT + 6.5 * HOUR).timestamp() * 1000)
    town.store_blocks(unread.meter.connection, late)
    post(LEFT + 7 * HOUR)
    assert debits() == [("refund", "refund", CREDIT - due(2_600))]
    assert all(laws(unread).values()), laws(unread)


@pytest.mark.parametrize("when", ["at-the-removal", "later"])
def test_an_estimate_is_settled_shown_and_put_right_afterwards(place, when):  # noqa: F811
    """Half a day by blocks at 200 W; the hour after it is taken for one of them."""
    from urja.usecases.operations import RemoveMeter

    place.meter.blocks(START, *[100] * 24)
    gone = RemoveMeter(serial="URJ00000001", removed_at=GONE, estimated=when == "at-the-removal")
    do(gone, GONE)
    leave()
    post(LEFT + 5 * HOUR)
    if when == "later":
        assert debits() == []
        correct(estimated=True)
        post(LEFT + 6.5 * HOUR)
    assert debits() == [("refund", "refund", CREDIT - due(2_600))]
    post(LEFT + 7 * HOUR)
    closing = energy_whys(place)[-1].reads[-1]
    assert (closing.register_wh, closing.status, closing.source) == (12_600, "estimated", "estimate")
    assert all(laws(place).values()), laws(place)
    # It was less after all: what was charged too much goes the same way.
    correct(LEFT + 8 * HOUR, register_wh=12_500)
    post(LEFT + DAY)
    post(LEFT + DAY + HOUR)
    assert debits()[1:] == [("refund", "refund", due(2_600) - due(2_500))]
    assert (place.balance(), place.final().amount_minor) == (0, CREDIT - due(2_500))
    assert energy_whys(place)[-1].reads[-1].status == "measured"
    # It was more: what is owed stays on the account, and nothing goes.
    correct(LEFT + DAY + 2 * HOUR, register_wh=12_900)
    post(LEFT + 2 * DAY)
    post(LEFT + 2 * DAY + HOUR)
    assert len(debits()) == 2
    assert place.balance() == due(2_500) - due(2_900)
    assert all(laws(place).values()), laws(place)


@pytest.mark.parametrize(
    ("days", "charged"),
    [
        # 3.7 kWh, five days.
        (5, 1_110 + 1_000 + 106),
        # 2.7 kWh and 30 days in March; what the second meter has counted is known at its end only, ten days in April.
        (40, 810 + 6_000 + 341 + 300 + 2_000 + 115),
    ],
    ids=["in-the-same-month", "in-the-next"],
)
def test_a_meter_that_was_installed_since_hides_nothing(place, days, charged):  # noqa: F811
    """All is known of the second meter; of the first one it is not."""
    from urja.apps.assets.models import DevicePeriod

    place.meter.blocks(START, *[100] * 24)
    remove(1, GONE)
    in_stock(5)
    town.install(5, GONE + DAY, place=1, register_wh=700)
    town.commissioned(DevicePeriod.objects.get(valid_from=GONE + DAY), GONE + DAY, GONE + DAY)
    for day in range(1, days):
        post(START + day * DAY + 2 * HOUR)
    left_at = START + days * DAY
    remove(5, left_at, register_wh=1_700)
    leave(left_at)
    post(left_at + 5 * HOUR)
    post(left_at + 2 * DAY)
    assert debits() == []
    assert place.final().settled_at is None
    correct(left_at + 2 * DAY, register_wh=12_700)
    post(left_at + 2 * DAY + HOUR)
    (debit,) = debits()
    assert debit[2] == CREDIT - charged
    post(left_at + 3 * DAY)
    assert place.balance() == 0
    assert all(laws(place).values()), laws(place)


def test_what_a_dry_run_says_of_an_estimate_and_of_a_late_read_is_what_is_posted(place):  # noqa: F811
    from urja.usecases.dry_run import dry_run_effects
    from urja.usecases.operations import CorrectLastRead, RemoveMeter

    def charged():
        rows = place.meter.connection.execute(
            "SELECT line, sum(amount_minor)::bigint FROM books_entry "
            "WHERE origin = 'engine' AND account_id = %s GROUP BY 1",
            [place.first.account_id],
        )
        return dict(rows.fetchall())

    place.meter.blocks(START, *[100] * 24)
    now = START + 3 * DAY + 2 * HOUR
    post(now)
    operations = (
        RemoveMeter(serial="URJ00000001", removed_at=GONE, estimated=True),
        CorrectLastRead(serial="URJ00000001", register_wh=13_000, reason="laboratory"),
    )
    for operation, wh in zip(operations, (200, 400), strict=True):
        said = dry_run_effects(operation, recorded_at=now, actor="clerk").postings
        before = charged()
        do(operation, now)
        now += DAY
        post(now)
        # The day that is closed meanwhile has its own fixed charge, and the duty on it.
        own = {"energy": 0, "fixed": -200, "duty": -10}
        moved = {line: minor - before[line] - own[line] for line, minor in charged().items()}
        told = {one.line: one.amount_minor for one in said if one.account_id == place.first.account_id}
        assert told == {line: minor for line, minor in moved.items() if minor}
        assert told["energy"] == -wh * 300 // 1000


def test_a_connection_that_ends_with_a_burnt_meter_is_settled_at_once(place):  # noqa: F811
    from urja.usecases.operations import DisconnectPermanently

    place.meter.blocks(START, *[100] * 24)
    end = DisconnectPermanently(
        consumer_number="URJ00000001", at=GONE, meter_removed=True, estimated=True, note="it burnt down"
    )
    do(end, GONE + HOUR)
    post(GONE + HOUR)
    # 2.6 kWh, one day, and the duty on both, 49.
    assert debits() == [("refund", "refund", CREDIT - 780 - 200 - 49)]
    post(GONE + DAY)
    assert (place.balance(), orders()) == (0, [])
    assert all(laws(place).values()), laws(place)


def test_a_read_that_is_undone_is_waited_for_again(unread):
    from urja.usecases.operations import Undo

    entry = correct(register_wh=12_700)
    do(Undo(entry_id=entry.id, reason="another meter"), LEFT + 6 * HOUR)
    post(LEFT + 7 * HOUR)
    assert debits() == []
    correct(LEFT + 8 * HOUR, register_wh=12_650)
    post(LEFT + 9 * HOUR)
    assert debits() == [("refund", "refund", CREDIT - due(2_650))]


@pytest.mark.parametrize("second", [False, True], ids=["without-a-meter", "by-the-second-meter"])
def test_a_law_sees_money_that_goes_before_the_register_is_known(place, monkeypatch, second):  # noqa: F811
    from urja.apps.assets.models import DevicePeriod
    from urja.pipeline import charge_differences

    place.meter.blocks(START, *[100] * 24)
    remove(1, GONE)
    if second:
        in_stock(5)
        town.install(5, GONE + HOUR, place=1, register_wh=0)
        town.commissioned(DevicePeriod.objects.get(valid_from=GONE + HOUR), GONE + HOUR, GONE + HOUR)
        remove(5, LEFT, register_wh=100)
    else:
        monkeypatch.setattr(
            charge_differences, "_unmetered", lambda members, _day: {one.id for one in members}
        )
    monkeypatch.setattr(charge_differences.missing_final_reads, "agreements_held", lambda _ids: set())
    leave()
    assert laws(place)["settled"]
    post(LEFT + 5 * HOUR)
    assert debits()
    assert not laws(place)["settled"]
