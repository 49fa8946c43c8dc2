"""The fresh balance as pages show it: the amount, how long it lasts, and what it consists of."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext

from urja.apps.billing import queries as billing
from urja.core.policy.facts import CREDIT_HOLD
from urja.core.power import Disconnected, NoPower, NotCommunicating, Powered, PowerState
from urja.web.portal.charts import percent
from urja.web.shared import formats
from urja.web.shared.clock import zone

LOW_DAYS = 3
"""From this many days left down, the balance is shown as low."""
RUNWAY_DAYS = 14
LATE = timedelta(hours=3)
"""Readings older than this are said to be late."""
LONG_AMOUNT = 10
"""An amount of more letters is set smaller."""


class Cell(NamedTuple):
    """A day of the runway."""

    x: SafeString
    width: SafeString
    left: bool


@dataclass(frozen=True, slots=True)
class BalanceView:
    """The fresh balance. `state` is `good`, `low`, `out` or `unknown`, and where the supply has no power `off` or `no-power`;
    the sentence in `days`, and what is said of the power, say the same in words.
    """

    amount: str
    state: str
    days: str
    runway: tuple[Cell, ...]
    """The days left as cells, a picture of the sentence; empty where they are not known."""
    as_of: str
    late: str
    parts: list[tuple[str, str]]

    @property
    def long(self) -> bool:
        return len(self.amount) > LONG_AMOUNT


def balance_view(
    balance: billing.Balance | None, now: datetime, *, by_bill: bool = False, commodity: str = "electricity"
) -> BalanceView:
    if balance is None:
        return _unpriced()
    as_of = balance.as_of.astimezone(zone()) if balance.as_of else None
    return BalanceView(
        amount=formats.money(balance.balance_minor, balance.currency),
        # Who pays by a bill owes until it is paid, and nothing runs out.
        state="good" if by_bill else _state(balance),
        days=_owed(balance) if by_bill else _days(balance),
        runway=() if by_bill else _runway(balance),
        as_of=_("As of %(moment)s") % {"moment": formats.moment(as_of, now.date())}
        if as_of
        else _("No reading received yet"),
        late=_("Readings are late. Your use since then is not included in this balance yet.")
        if as_of and now - as_of > LATE
        else "",
        parts=_parts(balance, commodity),
    )


def ended(view: BalanceView, balance: billing.Balance | None, at: datetime) -> BalanceView:
    """The same after the end of its agreement: nothing is used, late or runs out any more."""
    if balance is None:
        return view
    covered = _covered_minor(balance)
    words = {
        "day": formats.day_of(at),
        "amount": formats.money(-covered, balance.currency),
    }
    if covered < 0:
        said = _("Your agreement ended on %(day)s. %(amount)s is still owed.")
    elif covered > 0:
        said = _(
            "Your agreement ended on %(day)s. The remaining balance pays old dues first; the rest is returned to you."
        )
    else:
        said = _("Your agreement ended on %(day)s.")
    return replace(view, state="out" if covered < 0 else "unknown", days=said % words, runway=(), late="")


def without_power(
    view: BalanceView, balance: billing.Balance | None, power: PowerState | None
) -> BalanceView:
    """The same where the supply has no power or may have none: then nothing is green, and nearly off is not off."""
    match power:
        case Disconnected(holds=holds):
            used_up = balance is not None and view.state == "out" and _covered_minor(balance) < 0
            if not used_up:
                return replace(view, state="off")
            words = (
                _("Disconnected: the credit is used up. Please recharge.")
                if CREDIT_HOLD in holds
                else _("The credit is used up. Please recharge.")
            )
            return replace(view, state="off", days=words)
        case NotCommunicating() if balance is not None and balance.days_left is not None:
            # The estimate is of readings that do not come any more.
            state = "no-power" if view.state == "good" else view.state
            days = (
                view.days
                if _covered_minor(balance) < 0
                else _("Days left are shown once the meter reports again")
            )
            return replace(view, state=state, days=days, runway=())
        case NoPower() | NotCommunicating():
            return replace(view, state="no-power") if view.state == "good" else view
        case Powered() | None:
            return view
        case _:
            assert_never(power)


def asked_once(view: BalanceView) -> BalanceView:
    """The same beside a standing that says that the credit is used up: the card does not repeat it."""
    return replace(view, days=_("Please recharge.")) if view.state in ("out", "off") else view


def _unpriced() -> BalanceView:
    """The balance part of the page for an account without a tariff: its use has no price, so no balance is known."""
    return BalanceView(
        amount="–",
        state="unknown",
        days=_(
            "Your balance cannot be calculated at the moment: the price of your supply is missing in our records."
        ),
        runway=(),
        as_of=_(
            "Your utility will correct this; you do not need to do anything. Until then your use is not charged."
        ),
        late="",
        parts=[],
    )


def covers_use(balance: billing.Balance | None) -> bool:
    """Whether nothing is owed beside old dues, with the payment that is pending."""
    return balance is None or _covered_minor(balance) >= 0


def _covered_minor(balance: billing.Balance) -> int:
    """Balance with pending credit, so that a consumer who has just recharged is not asked to recharge."""
    return balance.balance_minor + balance.credits_minor


def _state(balance: billing.Balance) -> str:
    if _covered_minor(balance) <= 0:
        return "out"
    if balance.days_left is not None and balance.days_left < LOW_DAYS:
        return "low"
    return "good"


def _owed(balance: billing.Balance) -> str:
    """Return what is owed, in a sentence, the payment on its way included (`_covered_minor`)."""
    covered = _covered_minor(balance)
    if covered < 0:
        return _("You pay by bill. Used and not paid yet: %(amount)s.") % {
            "amount": formats.money(-covered, balance.currency)
        }
    return _("You pay by bill. Nothing is owed.")


def _days(balance: billing.Balance) -> str:
    if _covered_minor(balance) < 0:
        return _("Your credit is used up, but your supply is not disconnected yet. Please recharge.")
    if balance.days_left is None:
        return _("Days left are shown once your average use is known")
    if balance.days_left < 1:
        return _("Less than a day at your average use")
    return ngettext(
        "About %(days)d day at your average use",
        "About %(days)d days at your average use",
        int(balance.days_left),
    ) % {"days": int(balance.days_left)}


def _runway(balance: billing.Balance) -> tuple[Cell, ...]:
    if balance.days_left is None:
        return ()
    left = min(int(balance.days_left), RUNWAY_DAYS) if balance.balance_minor > 0 else 0
    width = 100 / RUNWAY_DAYS
    return tuple(
        Cell(percent(width * day), percent(width - 1), left=day < left) for day in range(RUNWAY_DAYS)
    )


def _parts(balance: billing.Balance, commodity: str) -> list[tuple[str, str]]:
    """What the figure consists of, where it is more than what has been posted."""
    parts = []
    if balance.pending_minor:
        parts = [
            (_("Posted balance"), formats.money(balance.ledger_minor, balance.currency)),
            (_("Used since then, not posted yet"), formats.money(-balance.pending_minor, balance.currency)),
        ]
    if balance.credits_minor:
        parts.append(
            (_("Credit pending"), formats.money(balance.credits_minor, balance.currency, signed=True))
        )
    if balance.estimated_wh:
        parts.append((_("Of this, estimated"), formats.billed(balance.estimated_wh, commodity)))
    return parts
