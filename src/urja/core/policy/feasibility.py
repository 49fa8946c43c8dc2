"""Whether a policy can disconnect and notify at all, given the channels of an installation.

A document without faults may still demand what no channel can give: a receipt where no channel reports deliveries, or
attempts by SMS where there is only e-mail. Every disconnection then waits for ever, and no page says so.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from urja.core.policy.document import Policy


class Effect(StrEnum):
    """What a policy is there to do."""

    DISCONNECT = "disconnect"
    NOTIFY = "notify"
    WARN = "warn"
    """Notify while there is still credit."""


@dataclass(frozen=True, slots=True)
class ChannelReach:
    """What a channel of notices can prove."""

    medium: str
    """`sms` or `email`."""
    reports: bool
    """Whether it reports deliveries."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a policy never has an effect, or has it by letters alone."""

    effect: Effect
    never: bool
    """False where posted letters still bring the effect about."""
    where: str
    """Place in the document."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


def obstacles(policy: Policy, channels: Collection[ChannelReach] | None) -> list[Obstacle]:
    """Return what keeps a policy from its effects.

    `channels`: those of the installation; None where they are not known: the document alone is then judged.
    """
    found = [*_unwarned(policy)]
    if channels is not None:
        found += [*_without_channel(channels), *_never_served(policy, channels)]
    return found


def _unwarned(policy: Policy) -> list[Obstacle]:
    warnings, limit = policy.warnings, policy.credit.cut_below_minor
    # An amount below the limit is reached only when there is no credit left to warn of.
    if warnings.percents or warnings.days or any(amount >= limit for amount in warnings.amounts_minor):
        return []
    return [
        Obstacle(
            Effect.WARN,
            never=True,
            where="warnings",
            sentence="no threshold is reached while there is credit: consumers are never warned before it runs out; "
            "give percent_of_last_recharge, days_left or below",
        )
    ]


def _without_channel(channels: Collection[ChannelReach]) -> list[Obstacle]:
    if channels:
        return []
    return [
        Obstacle(
            Effect.NOTIFY,
            never=True,
            where="notices",
            sentence="no channel is configured: no consumer is ever notified; "
            "configure one under [messages.channels] of urja.toml",
        )
    ]


def _never_served(policy: Policy, channels: Collection[ChannelReach]) -> list[Obstacle]:
    rules = policy.notices
    if not rules.before_cut and not rules.least_delivered:
        return []
    counted = rules.channels if rules.attempts else ()
    if any(channel.reports or channel.medium in counted for channel in channels):
        return []
    named = " or ".join(counted)
    attempts = f", and none is of those whose attempts count ({named})" if named else ""
    if rules.letter_after is None:
        return [
            Obstacle(
                Effect.DISCONNECT,
                never=True,
                where="notices.served",
                sentence=f"no configured channel reports deliveries{attempts}: the notices that a disconnection needs are "
                "never served, and no supply is ever disconnected for credit; "
                "configure such a channel, or let letters serve (letter_days)",
            )
        ]
    return [
        Obstacle(
            Effect.DISCONNECT,
            never=False,
            where="notices.served",
            sentence=f"no configured channel reports deliveries{attempts}: a supply is disconnected for credit only "
            f"{rules.letter_after.days} days after a posted letter is recorded",
        )
    ]
