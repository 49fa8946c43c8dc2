"""One household with its habit: when it checks its balance, when it recharges, and how it pays."""

import asyncio
import random
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, assert_never

import httpx
import structlog
from msgspec import Meta, Struct

from urja.base.untyped_values import JsonObject
from urja.sandbox.residents.forms import NoSuchFormError, follow_refresh, form_with, forms_of, submit

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
_CODE_LOOKS: Final = 100
_CODE_LOOK_S: Final = 0.2
"""How many times, and after which pauses, a resident opens the outbox for a code: the pipeline mails it."""


class Person(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One resident: sign-in address and habits of a household with a prepaid meter."""

    email: str
    habit: Habit
    means: Means
    seed: Annotated[int, Meta(ge=0)]
    supply: Annotated[int, Meta(ge=0)] = 0
    """Which of the household's supplies it pays for, in the order of the page after signing in."""


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

    def _time_to_pay(self, seen: JsonObject) -> bool:
        if seen["standing"] is None:
            # The household has moved out: no agreement of the account is in force.
            return False
        match self.person.habit:
            case "early":
                return seen["balance_minor"] <= 0 or (
                    seen["days_left"] is not None and float(seen["days_left"]) < EARLY_DAYS
                )
            case "warned":
                return bool(seen["standing"] != "fine")
            case "disconnected":
                return bool(seen["supply"] == "off")
            case "never":
                return False
            case _:
                assert_never(self.person.habit)

    async def _look(self) -> dict[str, object] | None:
        if not self.account:
            await self._sign_in()
        answer = await self.client.get(f"/api/v1/accounts/{self.account}/balance")
        if answer.status_code in (401, 403, 404):
            # The session has ended: sign in again at the next visit.
            self.account = ""
            return None
        answer.raise_for_status()
        self.counts.looks += 1
        seen: dict[str, object] = answer.json()
        return seen

    async def _sign_in(self) -> None:
        earlier = await self._newest_code()
        page = (await self.client.get("/sign-in/")).raise_for_status()
        page = await submit(self.client, page, form_with(page, name="email"), email=self.person.email)
        page.raise_for_status()
        code = await self._next_code(earlier)
        page = await submit(self.client, page, form_with(page, name="code"), code=code)
        found = list(dict.fromkeys(re.findall(r"/accounts/(\d+)/", page.text)))
        if len(found) <= self.person.supply:
            raise SignInRefusedError(f"no account of supply {self.person.supply} to be seen at {page.url}")
        self.account = found[self.person.supply]

    async def _next_code(self, earlier: str) -> str:
        """Return the code that came after `earlier`, as a person who looks into their mail until it is there."""
        for _ in range(_CODE_LOOKS):
            code = await self._newest_code()
            if code and code != earlier:
                return code
            await asyncio.sleep(_CODE_LOOK_S)
        raise SignInRefusedError("no code has come")

    async def _newest_code(self) -> str:
        """Return the newest code to this person in the demonstration's outbox; empty where there is none."""
        page = (await self.client.get(self.outbox)).raise_for_status()
        found = re.search(re.escape(self.person.email) + r".{0,600}?\b(\d{6})\b", page.text, re.DOTALL)
        return found.group(1) if found is not None else ""

    async def _recharge(self, rupees: int) -> None:
        """Recharge through the portal's page, which shows the effect of the amount, and the gateway's page."""
        amount = {"rupees": str(rupees)}
        page = await self.client.get(f"/accounts/{self.account}/pay/", params=amount)
        page.raise_for_status()
        page = await submit(self.client, page, form_with(page, name="rupees"))
        page = await follow_refresh(self.client, page.raise_for_status())
        page = await submit(self.client, page, form_with(page, name="callback_url"))
        form = form_with(page.raise_for_status(), action=f"/{self.person.means}")
        values = {"number": _CARD} if self.person.means == "card" else {}
        page = (await submit(self.client, page, form, **values)).raise_for_status()
        # A declined or late payment offers no way back at once.
        if returning := next((form for form in forms_of(page) if "razorpay_payment_id" in form.fields), None):
            (await submit(self.client, page, returning)).raise_for_status()
        self.counts.recharges += 1
        log.info("recharged", resident=self.person.email, rupees=rupees, means=self.person.means)
