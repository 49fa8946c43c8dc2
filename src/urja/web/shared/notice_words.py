"""Messages to an account as people read them: what each is about, when it was sent, and whether it has arrived."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from urja.apps.notices.kinds import Failure, NoticeState
from urja.apps.notices.queries import NoticeRow, text_kind
from urja.core.policy import LETTER
from urja.web.shared import formats
from urja.web.shared.clock import zone

SHOWN_DIGITS = 4
"""Of a telephone number: enough to know one's own."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message."""

    title: str
    at: str
    text: str
    language: str
    state: str
    arrived: str
    """`yes`, `no` or `open`; the sentence in `state` says the same in words."""


def views(found: Iterable[NoticeRow], now: datetime, commodity: str = "electricity") -> list[MessageView]:
    """Messages about a commodity as they are shown."""
    return [_view(notice, now, commodity) for notice in found]


def _view(notice: NoticeRow, now: datetime, commodity: str) -> MessageView:
    return MessageView(
        title=title_of(notice.kind, commodity),
        at=_moment(notice.requested_at, now),
        text=notice.text.replace(_MINUS, f"{_MINUS}{_TOGETHER}"),
        language=notice.language,
        state=_state(notice, now),
        arrived=_ARRIVED.get(NoticeState(notice.state), "open"),
    )


_MINUS, _TOGETHER = formats.MINUS, "\u2060"
"""A browser would let a line end between the minus of an amount and its figure."""

_ARRIVED = {NoticeState.DELIVERED: "yes", NoticeState.FAILED: "no"}


def title_of(kind: str, commodity: str = "electricity") -> str:
    """What a message is about."""
    of_gas = {
        "cut": _("Notice before a gas valve is closed"),
        "reconnected": _("Gas valve opened"),
        LETTER: _("Notice before a gas valve is closed, by letter"),
    }
    if commodity == "gas" and kind in of_gas:
        return of_gas[kind]
    return {
        "low": _("Your credit is running low"),
        "zero": _("Your credit is used up"),
        "cut": _("Disconnection notice"),
        "recharge": _("Recharge received"),
        "reconnected": _("Reconnected"),
        "press": _("Press the button on your meter"),
        "dues": _("Your old dues are paid"),
        "becomes_postpaid": _("Your supply becomes postpaid"),
        "becomes_prepaid": _("Your supply becomes prepaid"),
        "review": _("A charge is being reviewed"),
        "review_ended": _("The review of a charge has ended"),
        "cheque": _("Cheque received"),
        "cheque_returned": _("Cheque returned"),
        "receipt_cancelled": _("Receipt cancelled"),
        "maintenance": _("Maintenance payment received"),
        "gas_escapes": _("Danger: gas escapes"),
        "gas_escapes_staff": _("Danger: gas escapes"),
        LETTER: _("Disconnection notice by letter"),
    }[kind if kind == LETTER else text_kind(kind)]


def _moment(at: datetime, now: datetime) -> str:
    return formats.moment(at.astimezone(zone()), now.date())


def _state(notice: NoticeRow, now: datetime) -> str:
    if notice.state == NoticeState.FAILED:
        return _not_sent(notice)
    if notice.state == NoticeState.REQUESTED or notice.sent_at is None:
        return _("Not sent yet")
    if notice.channel == LETTER:
        return _("Sent by post: %(moment)s. Letter number: %(number)s.") % {
            "moment": _moment(notice.sent_at, now),
            "number": notice.detail,
        }
    said = {"number": _hidden(notice.recipient), "moment": _moment(notice.sent_at, now)}
    if notice.state == NoticeState.DELIVERED and notice.delivered_at is not None:
        said["moment"] = _moment(notice.delivered_at, now)
        return _("Delivered to %(number)s: %(moment)s") % said
    if notice.state == NoticeState.UNCONFIRMED:
        return _("Sent to %(number)s: %(moment)s. No delivery receipt came.") % said
    return _("Sent to %(number)s: %(moment)s. No delivery receipt yet.") % said


def _not_sent(notice: NoticeRow) -> str:
    number = {"number": _hidden(notice.recipient)}
    return {
        Failure.NO_NUMBER: _("Not sent: we have no telephone number for you"),
        Failure.NO_SERVICE: _("Not sent: messages are shown on this page only"),
        Failure.REFUSED: _("Not sent: the message service refused %(number)s") % number,
        Failure.NOT_TAKEN: _("Not sent: the message service could not be reached"),
        Failure.OUTDATED: _("Not sent: a recharge or a disconnection came first"),
        Failure.WITHDRAWN: _("Entered by mistake: no such letter was sent"),
        Failure.UNDELIVERABLE: _("Could not be delivered to %(number)s") % number,
    }[Failure(notice.failure)]


def _hidden(number: str) -> str:
    return f"•••\u2009{number[-SHOWN_DIGITS:]}"
