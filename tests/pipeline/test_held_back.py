"""An account whose tariff is not loaded is held back alone: it is reported, and no other account waits for it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps.town import ZONE, adopt
from tests.logs import logged
from tests.pipeline.test_decide import Place
from tests.pipeline.test_post import load as load_tariff

from urja.base.clock import SteppedClock

HOUR = timedelta(hours=1)


@pytest.fixture
def place(database):
    """Two houses; the second's tariff is not known, as after an import with a misspelt code."""
    place = Place(database, [adopt(1, credit_minor=20_000), adopt(2, credit_minor=30_000)])
    set_tariff(place, 1, "nobody-knows")
    yield place
    place.connection.close()


def set_tariff(place, house, code):
    with place.connection.transaction():
        place.connection.execute("SET LOCAL urja.operation = 1")
        place.connection.execute("SET LOCAL urja.known_at = '2026-03-02 00:00Z'")
        place.connection.execute(
            "UPDATE contracts_agreement_terms SET tariff_code = %s WHERE agreement_id = %s",
            [code, place.houses[house].agreement_id],
        )


def run(place, now):
    """Post and decide at an instant; what each holds back."""
    from urja.pipeline import decide, post

    place.now = now
    for house in (0, 1):
        place.use(1_000, house=house)
    posted = post.post_due(now, HOUR)
    decided = decide.decide_due(now, place.wall_ms)
    return posted.closed.problems, decided.held


def standings():
    from urja.apps.supply.models import State

    return set(State.objects.values_list("account_id", flat=True))


def closed(place):
    """Accounts with a day that was charged."""
    charged = place.connection.execute("SELECT account_id FROM books_entry WHERE origin = 'engine'")
    return {account_id for (account_id,) in charged.fetchall()}


def test_one_is_held_back_and_the_other_goes_on(place):
    good, bad = place.houses
    closing, deciding = run(place, place.at(2, 9))
    sentence = (
        f"account {bad.account_id} is held back: no version of tariff 'nobody-knows' is in force on 2026-03-0%s; "
        f"load it (urja tariff load) or correct the terms of agreement {bad.agreement_id}"
    )
    assert (closing, deciding) == ([sentence % 2], {sentence % 3})
    assert closed(place) == {good.account_id}
    assert standings() == {good.account_id}


def test_its_credit_is_posted_all_the_same(place):
    from urja.apps.billing.queries import ledger_entries

    run(place, place.at(1, 9))
    assert [entry.amount_minor for entry in ledger_entries.entries(place.houses[1].account_id, 10)] == [
        30_000
    ]


def test_its_recharge_is_confirmed_by_what_is_posted(place):
    """What was used since has no known price, and the stage that tells people goes on."""
    from urja.apps.notices import delivery
    from urja.apps.notices.models import Notice
    from urja.apps.supply.queries import is_disconnected

    run(place, place.at(1, 9))
    notice = Notice.objects.create(
        account_id=place.houses[1].account_id,
        kind="recharge",
        params={"amount_minor": 30_000},
        requested_at=place.now,
    )
    delivery.compose_pending(place.now, "urja.example/pay", is_disconnected, 10)
    notice.refresh_from_db()
    assert "₹300" in notice.text


def test_once_the_tariff_is_known_everything_is_made_up_for(place):
    run(place, place.at(2, 9))
    set_tariff(place, 1, "demo")
    assert run(place, place.at(2, 10)) == ([], set())
    both = {house.account_id for house in place.houses}
    assert (closed(place), standings()) == (both, both)


def test_a_tariff_that_begins_later_than_the_agreement(place):
    load_tariff(version="later", valid_from="2026-03-09")
    assert run(place, place.at(2, 9))[0] != []


def test_its_display_waits_and_the_others_does_not(place):
    from urja.apps.commands.models import Command
    from urja.pipeline.display import Display

    set_tariff(place, 1, "demo")
    run(place, place.at(1, 9))
    set_tariff(place, 1, "nobody-knows")
    display = Display(ZoneInfo(ZONE))
    assert display.run_once(place.now, place.wall_ms).done == 1
    assert display.run_once(place.now, place.wall_ms).done == 0
    assert set(Command.objects.values_list("account_id", flat=True)) == {place.houses[0].account_id}
    set_tariff(place, 1, "demo")
    assert Display(ZoneInfo(ZONE)).run_once(place.now, place.wall_ms).done == 1


async def test_the_stages_say_so_where_an_operator_looks_and_log_it_once(place):
    from urja.pipeline import post
    from urja.pipeline.decide import Decide
    from urja.pipeline.django_thread import DjangoThread
    from urja.pipeline.runner import StageLoop
    from urja.pipeline.stage import Stage

    clock, thread = SteppedClock(place.at(2, 9)), DjangoThread()
    closing = StageLoop(Stage("post", "main", 1.0, thread.runs(post.run_once)), clock)
    deciding = StageLoop(Stage("decide", "main", 1.0, thread.runs(Decide(60.0).run_once)), clock)

    async def detail(loop):
        await loop.once()
        return loop.progress.detail

    try:
        with logged() as logs:
            details = [await detail(loop) for loop in (closing, deciding, closing, deciding)]
            set_tariff(place, 1, "demo")
            again = await detail(closing)
    finally:
        await thread.close()
    assert all(f"account {place.houses[1].account_id} is held back" in detail for detail in details)
    told = [line for line in logs if line["event"] == "account held back"]
    assert [(line["stage"], line["log_level"]) for line in told] == [("post", "error"), ("decide", "error")]
    assert again == ""
