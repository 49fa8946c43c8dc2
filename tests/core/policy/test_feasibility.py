"""A policy that can never disconnect, notify or warn is found; and what is found agrees with the engine."""

from datetime import timedelta

import pytest
from tests.core.policy.cast import DAY, HOUR, NOON, PLAIN, ripe

from urja.core.policy import (
    LETTER,
    ChannelReach,
    Effect,
    NoticeFact,
    OrderDisconnection,
    bundled_policies,
    decide,
    obstacles,
    parse_policy,
)

GOOD = bundled_policies()["plain.toml"]
MAIL, REPORTING, BLIND_SMS = (
    ChannelReach("email", False),
    ChannelReach("sms", True),
    ChannelReach("sms", False),
)
NO_LETTERS = parse_policy(GOOD.replace("letter_days = 7", ""))
RECEIPTS_ALONE = parse_policy(GOOD[: GOOD.index("[notices.served]")] + GOOD[GOOD.index("[payments]") :])
NO_NOTICE = parse_policy(
    GOOD.replace('before_cut = ["zero", "cut"]', "").replace("least_delivered = 2", "least_delivered = 0")
)
NO_WARNING = parse_policy(
    GOOD.replace("percent_of_last_recharge = [30, 10]", 'below = ["50"]')
    .replace("days_left = [3, 1]", "")
    .replace("cut_below = 0", "cut_below = 100")
    .replace("at_least = 0", "at_least = 100")
)


def found(policy, channels):
    return [(one.effect, one.never) for one in obstacles(policy, channels)]


@pytest.mark.parametrize(
    ("policy", "channels", "expected"),
    [
        (PLAIN, None, []),
        (PLAIN, (REPORTING,), []),
        (PLAIN, (BLIND_SMS,), []),  # five attempts over a week serve
        (PLAIN, (MAIL, REPORTING), []),
        (PLAIN, (MAIL,), [(Effect.DISCONNECT, False)]),  # letters alone
        (PLAIN, (), [(Effect.NOTIFY, True), (Effect.DISCONNECT, False)]),
        (NO_LETTERS, (MAIL,), [(Effect.DISCONNECT, True)]),
        (NO_LETTERS, (BLIND_SMS,), []),
        (RECEIPTS_ALONE, (BLIND_SMS, MAIL), [(Effect.DISCONNECT, True)]),
        (RECEIPTS_ALONE, (REPORTING,), []),
        (NO_NOTICE, (MAIL,), []),  # needs no notice
        (NO_NOTICE, (), [(Effect.NOTIFY, True)]),
        (NO_WARNING, None, [(Effect.WARN, True)]),
    ],
)
def test_what_keeps_a_policy_from_its_effects(policy, channels, expected):
    assert found(policy, channels) == expected


def test_a_sentence_says_what_to_do():
    (one,) = obstacles(NO_LETTERS, (MAIL,))
    assert str(one).startswith(
        "notices.served: no configured channel reports deliveries, and none is of those whose"
    )
    assert "(sms)" in str(one)
    assert "letter_days" in str(one)


def sent(channel: str, *, reports: bool) -> tuple[NoticeFact, ...]:
    """What the best that a channel can do leaves behind: each notice sent every day for two months."""
    since = NOON - 60 * DAY
    return tuple(
        NoticeFact(
            kind,
            since + n * DAY,
            since + n * DAY + timedelta(minutes=5) if reports else None,
            sent_at=since + n * DAY,
            channel=channel,
        )
        for n in range(59)
        for kind in ("zero", "cut")
    )


@pytest.mark.parametrize("policy", [PLAIN, NO_LETTERS, RECEIPTS_ALONE, NO_NOTICE])
@pytest.mark.parametrize("channel", [MAIL, REPORTING, BLIND_SMS])
def test_the_engine_agrees(policy, channel):
    """An account that has met every other condition for two months is disconnected exactly where no obstacle stands."""
    facts = ripe(notices=sent(channel.medium, reports=channel.reports))
    cut = any(isinstance(intent, OrderDisconnection) for intent in decide(policy, facts).intents)
    assert cut == (Effect.DISCONNECT not in {one.effect for one in obstacles(policy, (channel,))})


def test_by_letters_alone_is_still_possible():
    letter = NoticeFact("letter", NOON - 20 * DAY, None, sent_at=NOON - 20 * DAY + HOUR, channel=LETTER)
    facts = ripe(notices=(*sent("email", reports=False), letter))
    assert [one.never for one in obstacles(PLAIN, (MAIL,))] == [False]
    assert any(isinstance(intent, OrderDisconnection) for intent in decide(PLAIN, facts).intents)
