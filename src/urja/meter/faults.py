"""Faults of the transport from a meter to its head end, by seed: pushes lost, duplicated, delayed, reordered.

The meter does not know of them. Delays are in real seconds: they belong to the transport.
"""

import random
from dataclasses import dataclass

import msgspec

from urja.meter.meter import Push


class FaultRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probabilities of faults for each push, 0 to 1.

    A delayed push waits up to `delay_s`; a reordered one is sent after its successor.
    """

    lose: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    delay_s: float = 2.0
    reorder: float = 0.0

    def check(self) -> "FaultRates":
        """Return the rates; raises ValueError for a value out of range."""
        for name in ("lose", "duplicate", "delay", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1")
        if not 0 <= self.delay_s <= 3600:
            raise ValueError("delay_s must be between 0 and 3600")
        return self


NO_FAULTS = FaultRates()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A push and the real seconds after which it is sent."""

    push: Push
    delay_s: float = 0.0


class FaultPlan:
    """The faults of one meter's pushes; the same seed and rates give the same faults."""

    def __init__(self, seed: str, rates: FaultRates = NO_FAULTS) -> None:
        self.rates = rates
        self.lost = 0
        self._random = random.Random(seed)  # noqa: S311 - a reproducible simulation, not a secret
        self._held: list[Push] = []

    def pass_on(self, pushes: list[Push]) -> list[Delivery]:
        """Return the deliveries of pushes, in the order of sending; a reordered push comes after its successor."""
        if self.rates is NO_FAULTS and not self._held:
            return [Delivery(push) for push in pushes]
        deliveries: list[Delivery] = []
        for push in pushes:
            deliveries += self._deliveries_of(push)
        return deliveries

    def release(self) -> list[Delivery]:
        """Return the deliveries of pushes that still wait for a successor."""
        held, self._held = self._held, []
        return [Delivery(push) for push in held]

    def _deliveries_of(self, push: Push) -> list[Delivery]:
        # Every push draws five numbers, so that changing one rate does not change which pushes the other faults hit.
        lose, duplicate, delay, wait, reorder = (self._random.random() for _ in range(5))
        if lose < self.rates.lose:
            self.lost += 1
            return []
        after = wait * self.rates.delay_s if delay < self.rates.delay else 0.0
        if reorder < self.rates.reorder and not self._held:
            self._held.append(push)
            return []
        copies = 2 if duplicate < self.rates.duplicate else 1
        return [Delivery(push, after)] * copies + self.release()
