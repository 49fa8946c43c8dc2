"""The reading side of the supply: where accounts stand and why, their stories, and today's work.

Used by the portal, the operator's view and the town's page. Everything is read from what the stage `decide` has
stored; nothing is decided here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from urja.apps.supply.models import HealthReport
from urja.core.policy import Health, Reason, sentence


@dataclass(frozen=True, slots=True)
class StandingNow:
    """Where an account stands with its supply, and the one reason for it."""

    account_id: int
    service_point_id: int
    standing: str
    """As `core.policy.Standing`."""
    reason: Reason
    decided_at: datetime
    since_at: datetime
    look_again_at: datetime | None
    policy: str
    supply: str
    holds: tuple[str, ...]
    balance_minor: int
    as_of_at: datetime | None
    planned_from_at: datetime | None
    planned_to_at: datetime | None
    below_cut_since: datetime | None

    def sentence(self, language: str = "en") -> str:
        """The reason for a person."""
        return sentence(self.reason, language)


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One event of an account's line of time. `kind` is decision, notice, recharge or command; `what` says which."""

    at: datetime
    kind: str
    what: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from a payment to light: business time, and wall milliseconds where they are known."""

    at: datetime | None = None
    wall_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Relit:
    """The chain from a payment to light; a step that has not been is empty."""

    account_id: int
    credit_id: int
    amount_minor: int
    paid: Step
    credited: Step
    ordered: Step
    sent: Step
    acknowledged: Step
    confirmed: Step
    lit: Step
    command_id: int | None
    command_state: str
    last_error: str
    """What the last attempt at the meter met."""
    again_at: datetime | None
    expires_at: datetime | None
    outcome: str
    """`lit`, `never_dark`, `not_enough`, `held`, `waiting_for_person`; empty while under way."""

    @property
    def paid_to_lit_wall_ms(self) -> int | None:
        if self.lit.wall_ms is None or self.paid.wall_ms is None:
            return None
        return self.lit.wall_ms - self.paid.wall_ms


@dataclass(frozen=True, slots=True)
class PlannedCut:
    """An account that will be cut on a day if nothing but time changes."""

    account_id: int
    service_point_id: int
    consumer_number: str
    premise: str
    transformer: str
    not_before_at: datetime
    not_after_at: datetime
    balance_minor: int
    """Below zero: the money at stake."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Switched:
    """A command to a load switch and what became of it."""

    command_id: int
    account_id: int
    consumer_number: str
    premise: str
    kind: str
    cause: str
    reason: Reason
    ordered_at: datetime
    state: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Today:
    """What was switched on a local day, newest first, and where the accounts stand now."""

    cuts: tuple[Switched, ...]
    reconnections: tuple[Switched, ...]
    standings: dict[str, int]
    dark: int


@dataclass(frozen=True, slots=True)
class Dark:
    """Somebody who has paid and has no light: since when, and what is being done."""

    account_id: int
    consumer_number: str
    premise: str
    balance_minor: int
    paid_at: datetime
    command_state: str
    last_error: str
    again_at: datetime | None
    expires_at: datetime | None


def standing(account_id: int) -> StandingNow | None:
    """Where an account stands; none before the first decision."""
    return standings([account_id]).get(account_id)


def standings(account_ids: Iterable[int]) -> dict[int, StandingNow]:
    """Where many accounts stand."""
    raise NotImplementedError


def story(account_id: int, limit: int = 100) -> list[StoryLine]:
    """One line of time, newest first: decisions, notices, recharges, commands."""
    raise NotImplementedError


def relight(account_id: int) -> Relit | None:
    """The newest chain from a payment to light of an account; none where it was never dark when paid for."""
    raise NotImplementedError


def cut_list(day: date) -> list[PlannedCut]:
    """Who is to be cut on a local day, the largest debt first."""
    raise NotImplementedError


def today(now: datetime) -> Today:
    """What was switched on the local day of `now`."""
    raise NotImplementedError


def paid_but_dark() -> list[Dark]:
    """Who has paid and is not known to have light, the longest wait first."""
    raise NotImplementedError


def waiting_for_person() -> list[Dark]:
    """Whose meter is ready for reconnection and waits for somebody to press its button."""
    raise NotImplementedError


def paid_to_lit_wall_ms(since: datetime) -> list[int]:
    """Wall milliseconds from payment to light of all that were lit since an instant, shortest first."""
    raise NotImplementedError


def health() -> Health:
    """The last judgement; all well before the first."""
    report = HealthReport.objects.order_by("-at", "-id").first()
    return Health() if report is None else Health(report.collection, report.payments, report.messaging)
