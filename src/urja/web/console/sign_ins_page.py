"""The log of sign-ins for auditors: code requests, sign-ins, failures and rate limits, with their network."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from urja.apps.identity.kinds import SignInKind
from urja.apps.identity.queries import sign_ins
from urja.web.console.actor_names import names_of
from urja.web.console.time_formats import moment_of

PAGE: Final = 100

KINDS: Final[dict[str, Promise]] = {
    SignInKind.ASKED: _("code requested"),
    SignInKind.WRONG_CODE: _("wrong code"),
    SignInKind.LIMITED: _("too many attempts"),
    SignInKind.SIGNED_IN: _("signed in"),
    SignInKind.SECOND_FACTOR_FAILED: _("wrong second factor"),
    SignInKind.FACTOR_ADDED: _("second factor added"),
    SignInKind.FACTOR_REMOVED: _("second factor removed"),
    SignInKind.SIGNED_OUT: _("signed out"),
}


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One event of the log."""

    what: Promise
    who: str
    network: str
    at: str
    is_known: bool
    """Whether the typed address belongs to an account."""


@dataclass(frozen=True, slots=True)
class SignInsPage:
    """One page of the log, newest first, optionally from one network only."""

    lines: list[SignInRow]
    network: str
    before: int | None
    """Cursor of the next page; None on the last."""


def sign_ins_page(now: datetime, network: str, before: int | None) -> SignInsPage:
    """Return one page of the sign-in log."""
    found = sign_ins.latest(network, before, PAGE + 1)
    shown = found[:PAGE]
    names = names_of({f"user {one.user_id}" for one in shown if one.user_id is not None})
    lines = [
        SignInRow(
            what=KINDS[one.kind],
            who=names.get(f"user {one.user_id}") or gettext("unknown address"),
            network=one.network,
            at=moment_of(one.at, now),
            is_known=one.user_id is not None,
        )
        for one in shown
    ]
    return SignInsPage(lines, network, shown[-1].id if len(found) > PAGE else None)
