"""Standings, commands and reasons in the words of whoever operates the supply; the town speaks in them as well."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from urja.core.policy import Reason, sentence
from urja.web.portal.formats import MINUS

STANDINGS: Final[dict[str, Promise]] = {
    "fine": _("in credit"),
    "warned": _("warned"),
    "emergency": _("on emergency credit"),
    "grace": _("in grace"),
    "protected": _("protected"),
    "to_be_cut": _("to be cut"),
    "cut": _("cut"),
    "suspended": _("suspended"),
}

COMMAND_STATES: Final[dict[str, Promise]] = {
    "queued": _("waiting to be sent"),
    "sent": _("on its way"),
    "acknowledged": _("accepted by the meter"),
    "confirmed": _("confirmed by the meter"),
    "connected_load_unproven": _("connected, no load seen yet"),
    "waiting_for_person": _("waits for a hand at the meter"),
    "expired": _("expired"),
    "superseded": _("called back"),
    "failed": _("failed"),
}

FLAGS: Final[dict[str, Promise]] = {
    "weld_or_bypass": _("Somebody must look: the register goes on after a confirmed cut"),
    "cover_opened": _("Somebody must look: the cover of the meter was opened"),
    "magnet": _("Somebody must look: a magnet was held to the meter"),
    "neutral_disturbed": _("Somebody must look: the neutral was disturbed"),
    "loss": _("Somebody must look: more is lost behind the transformer than it can lose"),
    "silent": _("Somebody must look: nothing has come from the meter for a day"),
}

WORK: Final[dict[str, Promise]] = {
    **FLAGS,
    "switch_off_by_hand": _("Somebody must switch off at the site: the meter has no switch"),
    "switch_on_by_hand": _("Somebody must switch on at the site: the meter has no switch"),
    "install": _("Somebody must put in a meter"),
    "exchange": _("Somebody must exchange the meter"),
    "inspect": _("Somebody must go and look"),
    "disconnect_by_hand": _("Somebody must take the meter away: the connection ends"),
    "configure": _("Somebody must set the meter: no command does"),
}

UNMATCHED: Final[dict[str, Promise]] = {
    "unknown_order": _("Paid for an order that is not ours"),
    "other_amount": _("The amount paid is not the order's"),
    "other_content": _("The gateway told of this payment with another order, amount or currency before"),
    "second_payment": _("The order was paid a second time"),
    "refund_exceeds": _("More was refunded than was paid"),
    "settled_unknown": _("It was paid out to us, and nobody here knows of it"),
    "settled_other_amount": _("It was paid out with another amount or currency than was booked"),
    "settled_uncredited": _("It was paid out, and no account was credited or debited with it"),
    "settled_wrong_sum": _("Its own sums do not come out: amount, fee and transfer"),
    "settled_other_kind": _("It is neither a payment nor a refund"),
    "settled_otherwise": _("It was told with other figures before"),
    "unsettled": _("It is booked here and was not paid out in time"),
}


def standing(name: str) -> str:
    """Where an account stands, in a word or two."""
    return said(STANDINGS.get(name), name)


def command_state(name: str) -> str:
    """How far a command has come."""
    return said(COMMAND_STATES.get(name), name)


def work(kind: str) -> str:
    """What somebody must go and look at."""
    return said(WORK.get(kind), kind)


def flag(kind: str) -> str:
    """Why somebody should look at a meter or a transformer."""
    return said(FLAGS.get(kind), kind)


def unmatched(why: str) -> str:
    """Why a payment was not credited, or does not fit what was paid out."""
    return said(UNMATCHED.get(why), why)


def reason(given: Reason) -> str:
    """Why it was decided, in the reader's language."""
    return sentence(given, get_language() or "en")


def percent(value: float) -> str:
    """`7.4 %`, with a minus that reads as one."""
    return f"{value:.1f} %".replace("-", MINUS)


def said(text: Promise | None, otherwise: str) -> str:
    """The words for a code; the code itself, readably, where there are none yet."""
    return otherwise.replace("_", " ") if text is None else str(text)
