"""Where an account's supply stands, in plain words, and what a payment would do: the policy's own answers, written out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import get_language, gettext as _, ngettext

from urja.apps.billing import queries as billing
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.supply.queries import facts as supply_facts
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.core.policy import (
    Outlook,
    PaymentEffect,
    Reason,
    decide,
    effect_of_payment,
    in_good_standing,
    outlook,
    sentence,
)
from urja.core.policy.reconnection import is_disconnected
from urja.core.policy.wording import DEADLINES
from urja.web.shared import formats, ledger_words
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone


@dataclass(frozen=True, slots=True)
class StandingView:
    """`standing` and `supply` as the policy calls them; `text` for a person."""

    standing: str
    supply: str
    text: str
    says_used_up: bool
    """Whether the text itself says that the credit is used up."""


def known_of(card: AccountCard, now: datetime) -> AccountSnapshot | None:
    """What a decision about an account would rest on now.

    None where it has no agreement, where no policy governs it, and where it is held back for want of a price.
    """
    if card.agreement is None:
        return None
    try:
        return supply_facts.of_agreement(card.agreement, now)
    except UnknownTariffError:
        return None


def held_back(card: AccountCard, now: datetime) -> bool:
    """Whether nothing can be calculated or decided for an account, because no tariff gives the price of its use."""
    return card.agreement is not None and billing.is_unratable(card.agreement, now)


def standing(known: AccountSnapshot) -> StandingView:
    """The standing at this moment. What the pipeline decided last may be some seconds old, and its figures with it."""
    decision = decide(known.policy, known.facts)
    ahead = outlook(known.policy, known.facts)
    currency, now = known.balance.currency, known.facts.now
    says_used_up = False
    if in_good_standing(known.policy, known.facts):
        text = told(ahead, currency, now, known.agreement.commodity)
    else:
        reason = sentence(decision.reason, get_language() or "en")
        # One deadline: a reason that names its own is not followed by another one.
        not_before = (
            "" if _names_a_deadline(decision.reason) else _not_before(ahead, now, known.agreement.commodity)
        )
        text = _together(reason, not_before, _old_dues(ahead, currency))
        # The sentences of the policy are data; their English says which of them name it.
        says_used_up = "credit is used up" in sentence(decision.reason, "en")
    return StandingView(
        standing=str(decision.standing),
        supply=known.facts.supply,
        text=text,
        says_used_up=says_used_up,
    )


def told(ahead: Outlook, currency: str, now: datetime, commodity: str = "electricity") -> str:
    """Say until when a connected account's credit lasts, or before when it is not disconnected: one deadline only."""
    return _together(
        _not_before(ahead, now, commodity) or _lasts_until(ahead, now), _old_dues(ahead, currency)
    )


def reserved(balance: billing.Balance) -> list[str]:
    """Say what the close of each billing period will add, as far as it is known, in sentences; none without such lines."""
    return [_reserve(reserve, balance.currency) for reserve in balance.reserves if reserve.minor]


def _reserve(reserve: billing.Reserve, currency: str) -> str:
    words = {
        "amount": formats.money(abs(reserve.minor), currency),
        "lines": ", ".join(ledger_words.title(title) for title, _minor in reserve.lines),
        "day": formats.day(reserve.settles_on),
    }
    if reserve.minor < 0:
        return (
            _("About %(amount)s is credited after %(day)s, at the end of the billing period: %(lines)s.")
            % words
        )
    return (
        _(
            "About %(amount)s more is charged after %(day)s, at the end of the billing period: %(lines)s. No supply is disconnected for it before."
        )
        % words
    )


def _names_a_deadline(reason: Reason) -> bool:
    return any(name in reason.params for name in DEADLINES)


def _together(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


FAR_AHEAD = timedelta(days=31)
"""Beyond this a day and an hour would claim more than is known."""


ONE_MINUTE = timedelta(minutes=1)
"""As exactly as instants are written: what is nearer may be over when it is read."""

SOON = timedelta(hours=1)
"""Where it is not known yet how long credit lasts, it is taken to end now: a bound, which is not shown."""


def _lasts_until(ahead: Outlook, now: datetime) -> str:
    if ahead.ends_at is None:
        return ""
    if ahead.ends_at - now > FAR_AHEAD:
        return _("At your average use your credit lasts more than a month.")
    if ahead.ends_at - now <= SOON:
        # The full hour before it may be over.
        return _("At your average use your credit lasts less than an hour.")
    return _("At your average use your credit lasts until %(when)s.") % {"when": about(ahead.ends_at)}


def _not_before(ahead: Outlook, now: datetime, commodity: str) -> str:
    if ahead.not_before is None or not ONE_MINUTE <= ahead.not_before - now <= FAR_AHEAD:
        return ""
    if ahead.ends_at is None and ahead.not_before - now < SOON:
        return ""
    said = (
        _("Your gas valve is not closed for credit before %(when)s.")
        if commodity == "gas"
        else _("No disconnection for credit before %(when)s.")
    )
    return said % {"when": formats.weekday_time(ahead.not_before.astimezone(zone()))}


def _old_dues(ahead: Outlook, currency: str) -> str:
    owed, percent = ahead.arrears_minor, ahead.arrears_percent
    if not owed:
        return ""
    amount = formats.money(owed, currency)
    if plan := ahead.instalment:
        instalment = formats.money(min(plan.amount_minor, owed), currency)
        if plan.every == "day":
            return _(
                "Old dues of %(amount)s are still owed; an instalment of %(instalment)s is deducted each day."
            ) % {
                "amount": amount,
                "instalment": instalment,
            }
        return _(
            "Old dues of %(amount)s are still owed; an instalment of %(instalment)s is deducted each month, next for %(day)s."
        ) % {"amount": amount, "instalment": instalment, "day": formats.day(plan.due_on)}
    if not percent:
        return _("Old dues of %(amount)s are still owed.") % {"amount": amount}
    return _("Old dues of %(amount)s are still owed; %(percent)d %% of each payment goes to them.") % {
        "amount": amount,
        "percent": percent,
    }


def about(at: datetime) -> str:
    """`Thursday 26 November about 19:00`: the full hour before, for nothing here is known to the minute."""
    local = at.astimezone(zone()).replace(minute=0, second=0, microsecond=0)
    return _("%(day)s about %(time)s") % {"day": formats.weekday(local), "time": formats.clock_time(local)}


@dataclass(frozen=True, slots=True)
class EffectView:
    """What paying an amount would do: sentences, the most important first; `light` is the one about the light."""

    amount_minor: int
    amount: str
    light: str
    restores: bool
    lines: list[str]


def effect(known: AccountSnapshot, amount_minor: int, currency: str) -> EffectView:
    """The effect of a payment, for the page on which its amount is chosen."""
    found = effect_of_payment(known.policy, known.facts, amount_minor)

    def money(minor: int) -> str:
        return formats.money(minor, currency)

    light = ""
    if is_disconnected(known.facts):
        if found.held_by:
            light = _(
                "Your supply is disconnected for another reason as well. A payment alone does not reconnect it."
            )
        elif found.restores:
            light = _("Your supply is reconnected as soon as your meter confirms it.")
        else:
            light = _("Not enough for reconnection: %(amount)s more is needed.") % {
                "amount": money(found.missing_minor)
            }
    elif found.missing_minor:
        light = _("Not enough to pay what is owed: %(amount)s more is needed.") % {
            "amount": money(found.missing_minor)
        }
    lines = []
    if not known.facts.prepaid:
        lines += _effect_on_bill(known, found, money)
    elif found.to_arrears_minor:
        lines.append(
            _("%(arrears)s goes to old dues, %(credit)s is added to your credit.")
            % {"arrears": money(found.to_arrears_minor), "credit": money(found.to_credit_minor)}
        )
    else:
        lines.append(_("All of it is added to your credit."))
    if known.facts.prepaid:
        after_minor = known.balance.balance_minor + known.balance.credits_minor + found.to_credit_minor
        lines.append(_("Your balance is then %(amount)s.") % {"amount": money(after_minor)})
    if found.days is not None and found.days >= 1:
        lines.append(
            ngettext(
                "Your credit then lasts about %(days)d day at your average use.",
                "Your credit then lasts about %(days)d days at your average use.",
                int(found.days),
            )
            % {"days": int(found.days)}
        )
    elif found.days is not None and found.days > 0:
        lines.append(_("Your credit then lasts less than a day at your average use."))
    lines += reserved(known.balance)
    return EffectView(amount_minor, money(amount_minor), light, found.restores, lines)


def _effect_on_bill(known: AccountSnapshot, found: PaymentEffect, money: Callable[[int], str]) -> list[str]:
    """Return what a payment does for an account that pays by bill, in sentences; what is beyond the bill stays for the next one."""
    lines = []
    if found.to_arrears_minor:
        lines.append(_("%(amount)s goes to old dues.") % {"amount": money(found.to_arrears_minor)})
    owed = max(-known.facts.balance_minor, 0)
    to_bill = min(owed, found.to_credit_minor)
    if to_bill:
        lines.append(
            _("%(amount)s pays for your use, of %(owed)s not paid yet.")
            % {"amount": money(to_bill), "owed": money(owed)}
        )
    if owed > to_bill:
        lines.append(_("%(amount)s then remains to be paid.") % {"amount": money(owed - to_bill)})
    if found.to_credit_minor > to_bill:
        lines.append(
            _("%(amount)s stays on your account for the next bill.")
            % {"amount": money(found.to_credit_minor - to_bill)}
        )
    return lines


def suggested_minor(known: AccountSnapshot | None, least_minor: int, usual_minor: int) -> int:
    """The amount a page begins with: the usual one, or what the light needs, up to full tens; of a bill all of it."""
    if known is None:
        return max(least_minor, usual_minor)
    if not known.facts.prepaid and known.facts.balance_minor < 0:
        return max(least_minor, -known.facts.balance_minor)
    missing = effect_of_payment(known.policy, known.facts, 0).missing_minor
    return max(least_minor, usual_minor, -(-missing // 1000) * 1000)
