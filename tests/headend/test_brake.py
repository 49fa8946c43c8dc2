"""The disconnection limits with a real broker: edges of windows, two head ends, releases, and which orders count."""

import datetime as dt
from functools import partial

import msgspec
import pytest
from tests.headend.ordering import House
from tests.headend.pushing import KEK, NINE

from urja.base.settings import HeadendSettings
from urja.headend.disconnection_counts import OUTCOMES_KEPT, DisconnectionCounts, Window
from urja.headend.disconnection_limits import (
    DAY,
    MINUTE,
    Allowed,
    Deferred,
    DisconnectionLimiter,
    Held,
    SupplyLocation,
    counts_as_disconnection,
)
from urja.headend.sealed_state import Seal, SealedState, UnsealedError
from urja.headend.state_losses import StateLosses
from urja.stream.releases import OpenRelease, ReleaseOutcome
from urja.stream.server import MAX_PAYLOAD
from urja.stream.subjects import User

HOUR = dt.timedelta(hours=1)
HERE, THERE = SupplyLocation("T1", "section S1"), SupplyLocation("T2", "section S2")


@pytest.fixture
async def brake(nats_server, admin, stepped_clock):
    """Makes brakes over one store, as head ends of one installation have them."""
    broker = await nats_server.connect(User.HEADEND)

    def make(**limits: int) -> DisconnectionLimiter:
        most = dict.fromkeys(
            (
                "cuts_per_minute",
                "cuts_per_transformer_per_minute",
                "cuts_per_hour",
                "cuts_per_day",
                "cuts_per_area_per_hour",
                "cuts_per_area_per_day",
            ),
            1000,
        )
        settings = HeadendSettings(**(most | limits))
        state = SealedState(broker, Seal(KEK))
        return DisconnectionLimiter(
            state, stepped_clock, settings, partial(StateLosses(state, stepped_clock).note, "brake")
        )

    yield make
    await broker.close()


def released(cuts: int, area: str = "section S1", *, after=dt.timedelta(0), lasts=2 * HOUR) -> OpenRelease:
    return OpenRelease(
        id="1" * 32, cuts_left=cuts, areas=[area], until=NINE + lasts, effective_at=NINE + after
    )


async def passes(brake: DisconnectionLimiter, place: SupplyLocation = HERE) -> bool:
    return isinstance(await brake.take(place), Allowed)


async def test_an_hour_is_never_shorter_than_an_hour(brake, stepped_clock):
    one = brake(cuts_per_hour=1)
    stepped_clock.advance(dt.timedelta(minutes=4, seconds=59))
    assert await passes(one)
    stepped_clock.advance(HOUR)
    assert isinstance(await one.take(HERE), Held)
    stepped_clock.advance(dt.timedelta(seconds=1))
    # The slice in which it was cut has left the window whole.
    assert await passes(one)


async def test_a_day_is_never_shorter_than_a_day(brake, stepped_clock):
    one = brake(cuts_per_day=1)
    assert await passes(one)
    stepped_clock.advance(DAY - dt.timedelta(seconds=1))
    assert (await one.take(HERE)) == Held("1 cuts in a business day")
    stepped_clock.advance(HOUR + dt.timedelta(seconds=1))
    assert await passes(one)


@pytest.mark.parametrize(
    ("limit", "held"),
    [
        ({"cuts_per_area_per_hour": 1}, "1 cuts in a business hour in section S1"),
        ({"cuts_per_area_per_day": 1}, "1 cuts in a business day in section S1"),
    ],
)
async def test_an_area_has_its_own_ceilings(brake, limit, held):
    one = brake(**limit)
    assert await passes(one)
    assert await one.take(HERE) == Held(held)
    assert await passes(one, THERE)
    # A meter whose area is not known is bound by the totals alone.
    assert await passes(one, SupplyLocation())
    assert await passes(one, SupplyLocation())


async def test_the_pace_waits_and_counts_nothing(brake, stepped_clock):
    one = brake(cuts_per_minute=1, cuts_per_hour=2)
    assert await passes(one)
    assert await one.take(THERE) == Deferred(MINUTE)
    stepped_clock.advance(MINUTE)
    assert await passes(one)
    assert (await one.refresh()).hour.total() == 2


async def test_a_ceiling_comes_before_the_pace(brake):
    one = brake(cuts_per_minute=1, cuts_per_hour=1)
    assert await passes(one)
    assert isinstance(await one.take(HERE), Held)


async def test_two_head_ends_count_together(brake):
    one, other = brake(cuts_per_hour=5), brake(cuts_per_hour=5)
    taken = [await passes(brake_) for _ in range(4) for brake_ in (one, other)]
    assert sum(taken) == 5
    assert (await one.refresh()).hour.total() == 5


async def test_a_release_is_beside_the_ceilings(brake, stepped_clock):
    one, other = brake(cuts_per_hour=1), brake(cuts_per_hour=1)
    assert await passes(one)
    await one.update(lambda state, _: msgspec.structs.replace(state, releases=[released(2)]))
    assert isinstance(await one.take(THERE), Held)
    assert [await passes(one), await passes(other), await passes(one)] == [True, True, False]
    state = await one.refresh()
    # What was released does not use up the ceilings, and stays used after a restart.
    assert (state.hour.total(), state.releases[0].cuts_left) == (1, 0)
    stepped_clock.advance(2 * HOUR)
    assert (await one.refresh()).releases == []


async def test_a_release_counts_from_its_instant_to_its_end(brake, stepped_clock):
    one = brake(cuts_per_hour=1, cuts_per_day=1)
    assert await passes(one)
    held_at = stepped_clock.now()
    await one.update(lambda state, _: msgspec.structs.replace(state, releases=[released(9, after=HOUR)]))
    assert not await passes(one)
    assert not one.is_released(HERE, held_at)
    stepped_clock.advance(HOUR)
    assert one.is_released(HERE, held_at)
    assert not one.is_released(THERE, held_at)
    # What is held since then waits for the next.
    assert not one.is_released(HERE, stepped_clock.now())
    assert await passes(one)
    stepped_clock.advance(HOUR)
    assert not one.is_released(HERE, held_at)
    assert not await passes(one)


async def test_a_question_is_drawn_once(brake):
    one, other = brake(), brake()
    nonce = (await one.refresh()).nonce
    assert len(nonce) == 32
    assert (await other.refresh()).nonce == nonce


async def test_what_is_sealed_under_another_name_or_key_is_not_opened():
    seal = Seal(KEK)
    sealed = seal.close("orders/brake", b"{}")
    assert seal.open("orders/brake", sealed) == b"{}"
    for wrong in (
        lambda: seal.open("orders/00", sealed),
        lambda: Seal(bytes(16)).open("orders/brake", sealed),
        lambda: seal.open("orders/brake", sealed + b" "),
        lambda: seal.open("orders/brake", b""),
        lambda: seal.open("orders/brake", b"{}"),
    ):
        with pytest.raises(UnsealedError):
            wrong()


@pytest.mark.parametrize(
    ("kind", "arguments", "counts"),
    [
        ("disconnect", {}, True),
        ("connect", {}, False),
        ("set_load_limit", {"watts": 499}, True),
        ("set_load_limit", {"watts": 500}, False),
        ("set_load_limit", {"watts": "3000"}, True),
        ("set_load_limit", {}, True),
        ("set_clock", {}, False),
    ],
)
def test_what_is_a_cut(stepped_clock, kind, arguments, counts):
    order = House(stepped_clock).order(kind, arguments=arguments)
    assert counts_as_disconnection(order) is counts


def test_a_window_counts_by_area_and_forgets_whole_slices():
    window = Window()
    for minute, area in ((0, "A"), (1, "A"), (6, "B")):
        window = window.with_one(area, NINE + dt.timedelta(minutes=minute), 300)
    assert (window.total(), window.within("A"), window.within("B"), window.within("C")) == (3, 2, 1, 0)
    assert {area: len(slices) for area, slices in window.areas.items()} == {"A": 1, "B": 1}
    assert window.since(NINE + dt.timedelta(minutes=4, seconds=59), 300).total() == 3
    assert window.since(NINE + dt.timedelta(minutes=5), 300).total() == 1


def test_the_count_of_a_large_utility_fits_a_message():
    """Two thousand sections, in each of them a cut in each slice of an hour and of a day."""
    areas = [f"section SEC-{number:04}" for number in range(2000)]

    def full(slice_s, slices):
        first = int(NINE.timestamp()) // slice_s
        return Window({area: dict.fromkeys(range(first, first + slices), 99) for area in areas})

    state = DisconnectionCounts(hour=full(300, 13), day=full(3600, 25))
    assert len(msgspec.msgpack.encode(state)) < 0.6 * MAX_PAYLOAD


def test_so_many_outcomes_are_kept_and_each_once():
    state = DisconnectionCounts()
    for number in range(OUTCOMES_KEPT + 5):
        outcome = ReleaseOutcome(id=f"{number}", state="refused", at=NINE)
        state = state.with_outcome(outcome).with_outcome(msgspec.structs.replace(outcome, state="cancelled"))
    assert len(state.outcomes) == OUTCOMES_KEPT
    assert state.outcome_of("4") is None
    assert state.outcome_of("5").state == "cancelled"
