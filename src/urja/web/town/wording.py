"""What happened, in a sentence for whoever watches."""

from collections.abc import Callable
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from urja.apps.supply.queries.feed import FeedEntry
from urja.core.policy import Reason
from urja.web.console.wording import OPERATIONS, past_reason, words_for, work
from urja.web.shared import formats

EVENTS: Final[dict[str, Promise]] = {
    "101": gettext_lazy("Power failed"),
    "102": gettext_lazy("Power is back"),
    "201": gettext_lazy("A magnet is near the meter"),
    "202": gettext_lazy("The magnet is gone"),
    "203": gettext_lazy("The neutral is disturbed"),
    "204": gettext_lazy("The neutral is well again"),
    "215": gettext_lazy("Overload"),
    "216": gettext_lazy("The overload is over"),
    "251": gettext_lazy("The meter's cover was opened"),
    "301": gettext_lazy("The meter has opened its switch"),
    "302": gettext_lazy("The meter has closed its switch"),
}
"""Event codes of IS 15959 that mean something in a street; any other is named by its number."""

ORDERS: Final[dict[str, Promise]] = {
    "connect": gettext_lazy("Reconnection ordered"),
    "disconnect": gettext_lazy("Cut ordered"),
    "write_balance": gettext_lazy("Balance on its way to the meter's display"),
}

OUTCOMES: Final[dict[tuple[str, str], Promise]] = {
    ("connect", "confirmed"): gettext_lazy("Reconnected: the meter itself says so"),
    ("connect", "connected_load_unproven"): gettext_lazy("Reconnected, no load seen yet"),
    ("connect", "waiting_for_person"): gettext_lazy("Ready: somebody must press the button at the meter"),
    ("connect", "expired"): gettext_lazy("The reconnection has expired"),
    ("connect", "failed"): gettext_lazy("The reconnection has failed"),
    ("connect", "superseded"): gettext_lazy("The reconnection was replaced by a newer order"),
    ("disconnect", "confirmed"): gettext_lazy("Cut: the meter itself says so"),
    ("disconnect", "expired"): gettext_lazy("The cut has expired"),
    ("disconnect", "failed"): gettext_lazy("The cut has failed"),
    ("disconnect", "superseded"): gettext_lazy("The cut was called back"),
    ("write_balance", "confirmed"): gettext_lazy("The display shows the balance"),
}

NOTICES: Final[dict[str, Promise]] = {
    "requested": gettext_lazy("A message is written"),
    "sent": gettext_lazy("A message is on its way"),
    "delivered": gettext_lazy("A message was delivered"),
    "failed": gettext_lazy("A message could not be delivered"),
}


NOTICE_KINDS: Final[dict[str, Promise]] = {
    "low": gettext_lazy("credit is low"),
    "days": gettext_lazy("credit is low"),
    "below": gettext_lazy("credit is low"),
    "zero": gettext_lazy("credit is used up"),
    "cut": gettext_lazy("a cut is near"),
    "recharge": gettext_lazy("payment received"),
    "lit": gettext_lazy("the light is back"),
    "press": gettext_lazy("press the button"),
    "dues": gettext_lazy("old dues are paid"),
}
"""What a notice is about, by its kind up to the first hyphen."""


def happening(seen: FeedEntry) -> str:
    """One sentence."""
    return _SENTENCES[seen.kind](seen)


def _order(seen: FeedEntry) -> str:
    return words_for(ORDERS.get(seen.what), seen.what)


def _outcome(seen: FeedEntry) -> str:
    state = str(seen.detail["state"])
    return words_for(OUTCOMES.get((seen.what, state)), f"{seen.what}: {state}")


def _paid(seen: FeedEntry) -> str:
    return _("%(amount)s paid") % {"amount": _amount(seen.detail)}


def _credited(seen: FeedEntry) -> str:
    return _("%(amount)s credited") % {"amount": _amount(seen.detail)}


def _amount(detail: dict[str, Any]) -> str:
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
