"""Events of the town as sentences."""

from collections.abc import Callable
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from urja.apps.supply.queries.feed import FeedEntry
from urja.base.untyped_values import JsonObject
from urja.core.policy import Reason
from urja.web.console.wording import OPERATIONS, command, command_state, past_reason, words_for, work
from urja.web.shared import formats

EVENTS: Final[dict[str, Promise]] = {
    "101": gettext_lazy("Power failed"),
    "102": gettext_lazy("Power restored"),
    "201": gettext_lazy("Magnet detected"),
    "202": gettext_lazy("Magnet removed"),
    "203": gettext_lazy("Neutral disturbed"),
    "204": gettext_lazy("Neutral restored"),
    "215": gettext_lazy("Load above the limit"),
    "216": gettext_lazy("Load back within the limit"),
    "251": gettext_lazy("The cover was opened"),
    "301": gettext_lazy("The meter opened its relay"),
    "302": gettext_lazy("The meter closed its relay"),
}
"""Event codes of IS 15959-1 that the town shows in words; others are shown by number."""

ORDERS: Final[dict[str, Promise]] = {
    "connect": gettext_lazy("Reconnection ordered"),
    "disconnect": gettext_lazy("Disconnection ordered"),
    "write_balance": gettext_lazy("Balance sent to the meter's display"),
}

OUTCOMES: Final[dict[tuple[str, str], Promise]] = {
    ("connect", "confirmed"): gettext_lazy("Reconnected, confirmed by the meter"),
    ("connect", "connected_load_unproven"): gettext_lazy("Reconnected, no load yet"),
    ("connect", "waiting_for_person"): gettext_lazy("Ready: press the button at the meter"),
    ("connect", "expired"): gettext_lazy("Reconnection expired"),
    ("connect", "failed"): gettext_lazy("Reconnection failed"),
    ("connect", "superseded"): gettext_lazy("Reconnection replaced by a newer order"),
    ("disconnect", "confirmed"): gettext_lazy("Disconnected, confirmed by the meter"),
    ("disconnect", "expired"): gettext_lazy("Disconnection expired"),
    ("disconnect", "failed"): gettext_lazy("Disconnection failed"),
    ("disconnect", "superseded"): gettext_lazy("Disconnection withdrawn"),
    ("write_balance", "confirmed"): gettext_lazy("Balance shown on the display"),
}

NOTICES: Final[dict[str, Promise]] = {
    "requested": gettext_lazy("Notice created"),
    "sent": gettext_lazy("Notice sent"),
    "delivered": gettext_lazy("Notice delivered"),
    "failed": gettext_lazy("Notice not delivered"),
}


NOTICE_KINDS: Final[dict[str, Promise]] = {
    "low": gettext_lazy("low credit"),
    "days": gettext_lazy("low credit"),
    "below": gettext_lazy("low credit"),
    "zero": gettext_lazy("credit used up"),
    "cut": gettext_lazy("disconnection due"),
    "recharge": gettext_lazy("payment received"),
    "reconnected": gettext_lazy("reconnected"),
    "press": gettext_lazy("press the button"),
    "dues": gettext_lazy("dues paid"),
    "becomes_postpaid": gettext_lazy("becomes postpaid"),
    "becomes_prepaid": gettext_lazy("becomes prepaid"),
    "review": gettext_lazy("charge reviewed"),
    "review_ended": gettext_lazy("review of a charge ended"),
}
"""Subject of a notice, by its kind up to the first hyphen."""


def happening(seen: FeedEntry) -> str:
    """Return an event as one sentence."""
    return _SENTENCES[seen.kind](seen)


def _order(seen: FeedEntry) -> str:
    return str(ORDERS.get(seen.what) or command(seen.what))


def _outcome(seen: FeedEntry) -> str:
    state = str(seen.detail["state"])
    return str(OUTCOMES.get((seen.what, state)) or f"{command(seen.what)}: {command_state(state)}")


def _paid(seen: FeedEntry) -> str:
    return _("%(amount)s paid") % {"amount": _amount(seen.detail)}


def _credited(seen: FeedEntry) -> str:
    return _("%(amount)s credited") % {"amount": _amount(seen.detail)}


def _amount(detail: JsonObject) -> str:
    return formats.money(int(detail["amount_minor"]))


def _notice(seen: FeedEntry) -> str:
    about = words_for(NOTICE_KINDS.get(seen.what.partition("-")[0]), seen.what)
    return f"{words_for(NOTICES.get(str(seen.detail['state'])), 'notice')}: {about}"


def _decided(seen: FeedEntry) -> str:
    return past_reason(Reason.from_json(seen.detail))


def _event(seen: FeedEntry) -> str:
    known = EVENTS.get(seen.what)
    return _("Event %(code)s") % {"code": seen.what} if known is None else str(known)


def _work(seen: FeedEntry) -> str:
    return work(seen.what)


def _operation(seen: FeedEntry) -> str:
    return words_for(OPERATIONS.get(seen.what), seen.what)


_SENTENCES: Final[dict[str, Callable[[FeedEntry], str]]] = {
    "order": _order,
    "outcome": _outcome,
    "paid": _paid,
    "credited": _credited,
    "notice": _notice,
    "standing": _decided,
    "event": _event,
    "work": _work,
    "operation": _operation,
}
