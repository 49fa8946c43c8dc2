"""Each law of the town is seen to fail in the stepped town: production code is made wrong, a day is lived with it.

Several changes share a day where none touches another's law; what each must break is named beside it. The same town
with the code as it is keeps every law (test_town_world.py).
"""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from tests.world.town_world import HOUR, Manipulation, Town, TownWorld
from tests.world.world import MONDAY

from urja.meter.inputs import Hook, MoveTamper, Silence, Weld
from urja.meter.link import FOR_EVER_S

type Patch = pytest.MonkeyPatch

SEED = 41
MANIPULATIONS = [
    Manipulation(HOUR / 4, 1, Weld(True)),
    Manipulation(HOUR, 8, Hook(4000)),
    Manipulation(HOUR, 4, MoveTamper("magnet", True)),
    Manipulation(HOUR * 1.2, 4, MoveTamper("magnet", False)),
    Manipulation(HOUR * 2, 6, MoveTamper("cover", True)),
    Manipulation(HOUR * 3, 2, MoveTamper("neutral", True)),
    # Its credit is used up in the evening; from the night on it is out of reach, until the next window is over.
    Manipulation(HOUR * 16.6, 5, lambda now: Silence(int((now + 15 * HOUR).timestamp()))),
]
OUT_OF_REACH = Manipulation(HOUR / 4, 3, Silence(FOR_EVER_S))
"""The account of this meter is never disconnected."""

SUNDAY_AFTERNOON, SUNDAY_NIGHT = (MONDAY - hours * HOUR for hours in (18.5, 9.5))
MORNING, AFTERNOON, NEXT_AFTERNOON = (MONDAY + hours * HOUR for hours in (1.5, 7, 30.5))
SILENT_BY_NIGHT = (
    OUT_OF_REACH,
    # Its credit is used up by then; when the window opens, what is known of it is older than the policy allows.
    Manipulation(HOUR * 3.2, 6, Silence(FOR_EVER_S)),
)


def town() -> Town:
    """As any, but for a house whose credit lasts until the window is over."""
    plain = Town.of(SEED)
    houses = list(plain.houses)
    houses[4] = replace(houses[4], credit_minor=7_500)
    return replace(plain, houses=tuple(houses))


async def contradictions(
    ground, start: datetime, until: datetime, manipulations: Iterable[Manipulation]
) -> dict[str, tuple[str, ...]]:
    """What contradicts each law when the town has lived up to an instant; nothing is corrected before."""
    lived = TownWorld.opened(ground, seed=SEED, town=town(), manipulations=list(manipulations), start=start)
    async with lived as world:
        await world.live_until(until)
        return await world.town_laws()


# -- flags ---------------------------------------------------------------------------------------------------------


def tampers_are_dropped(patch: Patch) -> None:
    from urja.apps.supply import tamper_orders

    patch.setattr(tamper_orders, "open_work_orders", lambda _now: 0)


def welds_are_not_looked_for(patch: Patch) -> None:
    from urja.apps.supply import weld_detection

    patch.setattr(weld_detection, "open_work_orders", lambda _known, _now: 0)


def any_loss_is_lawful(patch: Patch) -> None:
    from urja.apps.readings.queries import overview

    patch.setattr(overview, "LOSS_LIMIT_W", 100_000)


def missing_reports_are_no_matter(patch: Patch) -> None:
    from urja.apps.readings.queries import overview

    patch.setattr(overview, "NOT_COMMUNICATING_AFTER", timedelta(days=365))


def reads_before_the_cut_count(patch: Patch) -> None:
    from urja.apps.supply import weld_detection

    patch.setattr(weld_detection, "CLOCKS_DIFFER", timedelta(hours=-3))


def lines_lose_nothing(patch: Patch) -> None:
    # Pages copy the limit when they are first imported: not while it is wrong, or later tests see it.
    import urja.web.console.pages
    import urja.web.town.town_page  # noqa: F401 - as above
    from urja.apps.readings.queries import overview

    patch.setattr(overview, "LOSS_LIMIT_W", 0)
    patch.setattr(overview, "LOSS_LIMIT_PERCENT", 0)


def hours_without_reports(patch: Patch) -> None:
    from urja.apps.readings.queries import overview

    patch.setattr(overview, "NOT_COMMUNICATING_AFTER", timedelta(hours=2))


# -- money ---------------------------------------------------------------------------------------------------------


def credits_each_word(patch: Patch) -> None:
    """Whatever is told of a payment is a payment."""
    from urja.apps.payments import crediting

    real, turns = crediting.books.request_credit, itertools.count(1)

    def request(**more):
        real(**more)
        return real(**more | {"idempotency_key": f"{more['idempotency_key']}:{next(turns)}"})

    patch.setattr(crediting.books, "request_credit", request)


def keeps_what_went_back(patch: Patch) -> None:
    from urja.apps.payments import crediting

    patch.setattr(crediting, "_debit", lambda *_: None)


# -- cuts and light ------------------------------------------------------------------------------------------------


def without(*names: str) -> Callable[[Patch], None]:
    """The policy's engine forgets some of what stands between an exhausted account and a cut."""

    def forget(patch: Patch) -> None:
        from urja.core.policy import disconnection_bars

        forgotten = [getattr(disconnection_bars, name) for name in names]
        patch.setattr(
            disconnection_bars,
            "RULES",
            tuple(rule for rule in disconnection_bars.RULES if rule not in forgotten),
        )

    return forget


def data_never_age(patch: Patch) -> None:
    from urja.core.policy import engine

    without("_stale", "_estimated")(patch)
    patch.setattr(engine, "stale_at", lambda *_: None)


def all_hours_are_open(patch: Patch) -> None:
    from urja.core.policy.hours import OpenHours, Window

    patch.setattr(OpenHours, "next_window", lambda _hours, at, _zone: Window(at - HOUR, at + 10 * HOUR))


def never_cuts(patch: Patch) -> None:
    from urja.apps.supply import switching

    patch.setattr(switching, "order_cut", lambda *_: None)


def never_restores(patch: Patch) -> None:
    from urja.pipeline import decide

    patch.setattr(decide._DecisionExecutor, "_restore", lambda _self, item, _reason: item)


def nothing_is_sent(patch: Patch) -> None:
    from urja.apps.commands import outgoing_orders

    patch.setattr(outgoing_orders, "claim", lambda *_: [])


def a_cut_is_not_read_back(patch: Patch) -> None:
    """The wrong method is called, and what the meter says of its switch is not looked at."""
    from urja.headend.commands import _control

    patch.setattr(_control, "DISCONNECT", _control.RECONNECT)
    patch.setattr(_control.Control, "open", property(lambda _control: True))


@dataclass(frozen=True)
class Wrong:
    """Changes that share a town, which laws must be contradicted in what words (a pattern), and how long it lives."""

    changes: tuple[Callable[[Patch], None], ...]
    broken: tuple[tuple[str, str], ...]
    start: datetime = MONDAY
    until: datetime = AFTERNOON
    manipulations: tuple[Manipulation, ...] = tuple(MANIPULATIONS)


FLAGS = "flagged_is_injected"
MISSED, INVENTED = "{0} since .* is not flagged", "flagged for {0} since .* it was not done"
WRONGS = {
    "no check, and nothing is sent": Wrong(
        (tampers_are_dropped, any_loss_is_lawful, nothing_is_sent),
        (
            *(
                (FLAGS, MISSED.format(kind))
                for kind in ("magnet", "cover_opened", "neutral_disturbed", "loss")
            ),
            ("reachable_obeys", r"\(disconnect\)"),
        ),
    ),
    "faults are invented, and data never age": Wrong(
        (reads_before_the_cut_count, lines_lose_nothing, hours_without_reports, data_never_age),
        (
            (FLAGS, INVENTED.format("weld_or_bypass")),
            (FLAGS, f"T2 is {INVENTED.format('loss')}"),
            (FLAGS, INVENTED.format("not_communicating")),
            ("cut_on_fresh_data", "rests on readings up to"),
        ),
        start=SUNDAY_NIGHT,
        until=MORNING,
        manipulations=SILENT_BY_NIGHT,
    ),
    "money and the wrong method": Wrong(
        (credits_each_word, keeps_what_went_back, a_cut_is_not_read_back),
        (
            ("paid_is_credited_once", r"payment pay_\w+:\d+ is not in the gateway's book; credited: "),
            ("returned_is_debited_once", "went back, 0 was debited"),
            ("switch_is_last_command", "is on; its last confirmed command is disconnect"),
        ),
    ),
    "at all hours, no marks, notices and welds, and no reconnection": Wrong(
        (
            all_hours_are_open,
            without("_never_cut", "_conversion", "_notices"),
            welds_are_not_looked_for,
            never_restores,
        ),
        (
            ("cut_in_its_hours", "in protected hours"),
            (FLAGS, MISSED.format("weld_or_bypass")),
            ("cut_of_no_protected_consumer", "which is marked medical"),
            ("cut_of_no_protected_consumer", "of its conversion"),
            ("cut_after_notices", "notices were served by"),
            ("paid_is_reconnected", "no reconnection was ordered"),
            ("reachable_is_reconnected", "could be reached"),
        ),
        start=SUNDAY_NIGHT,
        until=MORNING,
    ),
    "no disconnection, and no report": Wrong(
        (never_cuts, missing_reports_are_no_matter),
        (
            ("due_is_cut", "was to be disconnected between"),
            (FLAGS, MISSED.format("not_communicating")),
        ),
        start=SUNDAY_AFTERNOON,
        until=AFTERNOON - HOUR,
        manipulations=(OUT_OF_REACH,),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONGS.values(), ids=WRONGS.keys())
async def test_with_the_code_as_it_is_every_law_holds(ground, wrong):
    """The hours of each wrong town, lived by the right one. In each run: the days of test_town_world.py."""
    found = await contradictions(ground, wrong.start, wrong.until, wrong.manipulations)
    assert not any(found.values()), found


@pytest.mark.parametrize("wrong", WRONGS.values(), ids=WRONGS.keys())
async def test_wrong_code_breaks_its_law(ground, monkeypatch, wrong):
    for change in wrong.changes:
        change(monkeypatch)
    found = await contradictions(ground, wrong.start, wrong.until, wrong.manipulations)
    for law, words in wrong.broken:
        assert any(re.search(words, said) for said in found[law]), (
            f"{law} is not contradicted by {words!r}: {found[law]}"
        )
