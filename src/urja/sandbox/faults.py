"""Faults by seed. Each outcome depends on the seed and on its subject, never on the order of requests.

The same seed therefore gives the same outcomes in the same order, also after a restart and beside other traffic.
"""

import random
from dataclasses import dataclass

import msgspec

Range = tuple[float, float]
"""Least and greatest of a uniform draw."""

_LONGEST_S = 30 * 86_400.0


def seeded_random(seed: int, *key: str | int) -> random.Random:
    """Return the randomness of one subject, named by `key`, under a seed."""
    return random.Random("/".join(map(str, (seed, *key))))  # noqa: S311 - a world to repeat, not a secret


class WebhookRates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of webhook faults: probabilities per event, 0..1, and real seconds, since they belong to the network.

    A lost event is never sent. A repeated one is sent again after it was accepted. A delayed one waits for a time
    drawn from `delay_s`; a reordered one for a shorter time drawn from `reorder_s`, so that later events overtake it.
    """

    lose: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    delay_s: Range = (5.0, 60.0)
    reorder: float = 0.0
    reorder_s: Range = (0.5, 3.0)


NO_WEBHOOK_FAULTS = WebhookRates()


@dataclass(frozen=True, slots=True)
class WebhookOutcome:
    """The faults of one event: sent not before `wait_s` from now, `repeats` times more than needed, or never."""

    lost: bool = False
    repeats: int = 0
    wait_s: float = 0.0
    names: tuple[str, ...] = ()


def webhook_outcome(seed: int, rates: WebhookRates, *key: str | int) -> WebhookOutcome:
    """Return the faults of the event named by `key`."""
    chance = seeded_random(seed, "webhook", *key)
    # Each is drawn whether the fault occurs or not, so that one rate does not change the draws of the others.
    lost, repeated, delayed, reordered = (chance.random() for _ in range(4))
    copies, delay_s, reorder_s = (
        chance.randint(1, 2),
        chance.uniform(*rates.delay_s),
        chance.uniform(*rates.reorder_s),
    )
    if lost < rates.lose:
        return WebhookOutcome(lost=True, names=("lose",))
    names = []
    wait_s = 0.0
    if repeated < rates.repeat:
        names.append("repeat")
    if delayed < rates.delay:
        names.append("delay")
        wait_s = delay_s
    elif reordered < rates.reorder:
        names.append("reorder")
        wait_s = reorder_s
    return WebhookOutcome(repeats=copies if "repeat" in names else 0, wait_s=wait_s, names=tuple(names))


def check_rates(rates: msgspec.Struct) -> None:
    """Raise ValueError for a probability outside 0..1 or an impossible range of seconds."""
    for field in msgspec.structs.fields(rates):
        value = getattr(rates, field.name)
        if isinstance(value, tuple):
            least, greatest = value
            if not 0 <= least <= greatest <= _LONGEST_S:
                raise ValueError(
                    f"{field.name} must be two numbers of seconds, 0 <= least <= greatest <= 30 days"
                )
        elif not 0 <= value <= 1:
            raise ValueError(f"{field.name} must be between 0 and 1")
