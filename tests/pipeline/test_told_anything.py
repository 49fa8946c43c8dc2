"""Any values of the right types, sent with a head end's broker password: no stage of the pipeline ends because of
them."""

import datetime as dt
import random

import pytest
from tests.pipeline.test_dispatch import Town, town  # noqa: F401 - a fixture

from urja.stream import messages
from urja.stream.broker import connect
from urja.stream.messages import ReadOutcome
from urja.stream.orders import Progress
from urja.stream.releases import HeldDisconnections, OpenRelease, ReleaseOutcome
from urja.stream.subjects import User

NUMBERS = [0, 1, -1, 2**31, 2**63 - 1, -(2**63)]
TEXTS = ["", "x", "\u2400", "x" * 5000, "'; DROP TABLE x; --", "\U0001f600"]
MOMENTS = [
    dt.datetime(2, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC),
    dt.datetime(9998, 12, 31, tzinfo=dt.UTC),
]
ANYTHING = [None, True, 1.5e300, {"a": {"b": ["c"]}}, [], "x", 2**63 - 1]


def progress(pick, known) -> Progress:
    return Progress(
        command_id=pick([known.id, *NUMBERS]),
        device_id=pick([known.device_id, *NUMBERS]),
        sequence=pick([known.sequence, *NUMBERS]),
        state=pick(["trying", "acknowledged", "waiting_for_person", "superseded", "failed", "confirmed"]),
        at=pick(MOMENTS),
        wall_ms=pick(NUMBERS),
        detail=pick(TEXTS),
        attempts=pick(NUMBERS),
        again_at=pick([None, *MOMENTS]),
        evidence={
            pick(TEXTS): pick(ANYTHING),
            "control_state": pick(ANYTHING),
            "register_wh": pick(ANYTHING),
        },
        correlation=pick(NUMBERS),
    )


def held(pick) -> HeldDisconnections:
    return HeldDisconnections(
        headend=pick(TEXTS),
        at=pick(MOMENTS),
        nonce=b"",
        cuts=pick(NUMBERS),
        areas={pick(TEXTS): pick(NUMBERS)},
        kinds={pick(TEXTS): pick(NUMBERS)},
        oldest_at=pick([None, *MOMENTS]),
        last_end_at=pick([None, *MOMENTS]),
        cuts_in_hour=pick(NUMBERS),
        cuts_per_hour=pick(NUMBERS),
        cuts_in_day=pick(NUMBERS),
        cuts_per_day=pick(NUMBERS),
        full_until=pick([None, *MOMENTS]),
        approvers=[pick(TEXTS)],
        delay_s=pick(NUMBERS),
        releases=[
            OpenRelease(
                id=pick(TEXTS),
                cuts_left=pick(NUMBERS),
                areas=[pick(TEXTS)],
                until=pick(MOMENTS),
                effective_at=pick(MOMENTS),
            )
        ],
        outcomes=[ReleaseOutcome(id=pick(TEXTS), state="refused", at=pick(MOMENTS), detail=pick(TEXTS))],
    )


@pytest.mark.parametrize("seed", range(3))
async def test_no_stage_ends_over_what_a_head_end_tells(town: Town, seed):  # noqa: F811
    from urja.pipeline.gaps import Gaps
    from urja.pipeline.release_cuts import ReleaseCuts
    from urja.pipeline.stage import StageConnection
    from urja.stream.subjects import OUTCOMES

    pick = random.Random(seed).choice
    house = await town.raise_house()
    thief = await connect(town.nats.url, User.HEADEND, town.nats.password, "thief")
    dispatch, carrier = await town.stage(), ReleaseCuts(town.broker, town.in_thread)
    session = StageConnection(town.database.conninfo("urja_pipeline"))
    outcomes = await town.broker.consume(OUTCOMES)
    stage = Gaps(session, town.broker, outcomes, "Asia/Kolkata")
    for _ in range(12):
        command = await town.issue(house, "connect")
        await dispatch.run_once(town.clock.now())
        for _ in range(8):
            await thief.publish_progress(progress(pick, command), 4)
            await thief.publish_outcome(
                ReadOutcome(
                    request_id=pick(NUMBERS),
                    device_id=pick(NUMBERS),
                    ok=pick([True, False]),
                    error=pick([None, *TEXTS]),
                    rows=pick(NUMBERS),
                    correlation=pick(NUMBERS),
                ),
                4,
            )
        await thief._publish("$KV.held.headend", messages.encode(held(pick)))
        for each in (dispatch, carrier, stage):
            while (await each.run_once(town.clock.now())).done:
                pass
    await thief.close()
    session.close()
