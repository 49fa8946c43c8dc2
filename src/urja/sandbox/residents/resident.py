"""One household with its habit: when it checks its balance, when it recharges, and how it pays."""

import random
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, assert_never

import httpx
import structlog
from msgspec import Meta, Struct

from urja.sandbox.residents.forms import NoSuchFormError, follow_refresh, form_with, submit

log = structlog.get_logger()

Habit = Literal["early", "warned", "disconnected", "never"]
Means = Literal["upi", "card", "wallet"]

EARLY_DAYS: Final = 4
_CARD: Final = "4111 1111 1111 1111"
_LOOKS_EVERY: Final = {
    "early": timedelta(hours=6),
    "warned": timedelta(hours=2),
    "disconnected": timedelta(minutes=20),
    "never": timedelta(hours=12),
}
"""Mean business time between two visits to the page. A disconnected household checks often."""
_SHOPPING: Final = timedelta(minutes=45)
"""Pause after a recharge."""


class Person(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One resident: sign-in address and habits of a household with a prepaid meter."""

    email: str
    habit: Habit
    means: Means
    seed: Annotated[int, Meta(ge=0)]


class SignInRefusedError(Exception):
    """The portal sent no code, or did not accept it; the resident tries again later."""


@dataclass(slots=True)
class Counts:
    """Counts of what the residents have done, for the demonstration's status."""

    looks: int = 0
    recharges: int = 0
    failures: int = 0


@dataclass(slots=True)
class Resident:
    """A person with a browser. Every step goes through a page, or through the balance that the portal's API shows."""

    person: Person
    client: httpx.AsyncClient
    outbox: str
    counts: Counts
    account: str = ""
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"resident {self.person.seed}")  # noqa: S311 - a habit, not a secret

    def first_look(self, now: datetime) -> datetime:
        """Return a business instant within the first interval of this habit."""
        return now + _LOOKS_EVERY[self.person.habit] * self.chance.random()

    async def visit(self, now: datetime) -> datetime:
        """Check the balance and recharge where the habit says so; return business time of the next visit."""
        pause = _LOOKS_EVERY[self.person.habit] * self.chance.uniform(0.5, 1.5)
        try:
            seen = await self._look()
            if seen is not None and self._time_to_pay(seen):
                await self._recharge(self.chance.choice((100, 200, 200, 300, 500)))
                pause = max(pause, _SHOPPING)
        except (httpx.HTTPError, NoSuchFormError, SignInRefusedError) as error:
            self.counts.failures += 1
            log.warning(
                "a resident will try again", resident=self.person.email, error=str(error) or repr(error)
            )
        return now + pause

    def _time_to_pay(self, seen: dict[str, Any]) -> bool:
        match self.person.habit:
            case "early":
                return seen["balance_minor"] <= 0 or (
                    seen["days_left"] is not None and float(seen["days_left"]) < EARLY_DAYS
                )
            case "warned":
                return seen["standing"] not in (None, "fine")
            case "disconnected":
                return bool(seen["supply"] == "off")
            case "never":
                return False
            case _:
                assert_never(self.person.habit)

    async def _look(self) -> dict[str, Any] | None:
        if not self.account:
            await self._sign_in()
        answer = await self.client.get(f"/api/v1/accounts/{self.account}/balance")
        if answer.status_code in (401, 403, 404):
            # The session has ended: sign in again at the next visit.
            self.account = ""
            return None
        answer.raise_for_status()
        self.counts.looks += 1
        seen: dict[str, Any] = answer.json()
        return seen

    async def _sign_in(self) -> None:
        page = (await self.client.get("/sign-in/")).raise_for_status()
        page = await submit(self.client, page, form_with(page, name="email"), email=self.person.email)
        page.raise_for_status()
        code = await self._code()
        page = await submit(self.client, page, form_with(page, name="code"), code=code)
        found = re.search(r"/accounts/(\d+)/", page.text)
        if found is None:
            raise SignInRefusedError(f"no account to be seen at {page.url}")
        self.account = found.group(1)

    async def _code(self) -> str:
        """Return the newest code to this person in the demonstration's outbox."""
        page = (await self.client.get(self.outbox)).raise_for_status()
        found = re.search(re.escape(self.person.email) + r".{0,600}?\b(\d{6})\b", page.text, re.DOTALL)
        if found is None:
            raise SignInRefusedError("no code has come")
        return found.group(1)

    async def _recharge(self, rupees: int) -> None:
        """Recharge through the portal's page, which shows the effect of the amount, and the gateway's page."""
        amount = {"rupees": str(rupees)}
        page = await self.client.get(f"/accounts/{self.account}/pay/", params=amount)
        page.raise_for_status()
        page = await submit(self.client, page, form_with(page, name="rupees"))
        page = await follow_refresh(self.client, page.raise_for_status())
        form = form_with(page, action=f"/{self.person.means}")
        values = {"number": _CARD} if self.person.means == "card" else {}
        (await submit(self.client, page, form, **values)).raise_for_status()
        self.counts.recharges += 1
        log.info("recharged", resident=self.person.email, rupees=rupees, means=self.person.means)
