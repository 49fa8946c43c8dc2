"""Disconnections held by head ends above their limits, and releases of them.

The page carries; the head end verifies. What is held and who may release it is the head ends' word, as it was told.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from django.utils.translation import gettext as _, ngettext

from urja.apps.approvals import queries as approvals
from urja.apps.commands import requests
from urja.apps.commands.kinds import OPEN_RELEASES, ReleaseState
from urja.apps.commands.queries import releases
from urja.apps.commands.queries.releases import Release
from urja.apps.identity.queries.access import Caller
from urja.base import passkey
from urja.web.console.approval_page import PasskeyChallenge, base64url
from urja.web.shared import formats
from urja.web.shared.clock import zone

HOURS: Final = (2, 6, 24)
"""Durations of a release, in hours."""


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release in the list."""

    id: str
    title: str
    state: str
    facts: list[str]
    areas: str
    question: PasskeyChallenge | None
    """None if no answer is expected from the signed-in person."""
    unjudged: bool
    """Whether that person has answered and the head end has not confirmed yet."""
    may_cancel: bool
    plain: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ReleasePage:
    told: bool
    """Whether a head end has reported."""
    as_of: str
    held: int
    since: str
    areas: list[tuple[str, int]]
    counts: list[tuple[str, str]]
    lost_until: str
    """Until when no disconnection passes because the count was overwritten; else empty."""
    approvers: list[str]
    how: str
    may_ask: bool
    hours: tuple[int, ...]
    lines: list[ReleaseRow]
    without_passkey: bool
    faults: list[str]


def release_page(caller: Caller, now: datetime, faults: list[str] | None = None) -> ReleasePage:
    """Return the page, with the actions the signed-in person may take."""
    assert caller.user_id is not None
    held = releases.held_cuts_reports()
    areas: Counter[str] = Counter()
    for one in held:
        areas.update(one.areas)
    own = approvals.active_passkeys(caller.user_id)
    latest = releases.latest()
    waits = any(one.state == ReleaseState.ASKED for one in latest)
    first = held[0] if held else None
    oldest = min((one.oldest_at for one in held if one.oldest_at), default=None)
    return ReleasePage(
        told=bool(held),
        as_of=_moment(max(one.at for one in held), now) if held else "",
        held=sum(one.cuts for one in held),
        since=_moment(oldest, now) if oldest else "",
        areas=[(area_name(area), count) for area, count in areas.most_common()],
        counts=_counts(first) if first else [],
        lost_until=_moment(first.full_until, now) if first and first.full_until else "",
        approvers=first.approvers if first else [],
        how=_how(first),
        may_ask=bool(areas) and first is not None and bool(first.approvers),
        hours=HOURS,
        lines=[_line(one, first, own, caller.user_id, now) for one in latest],
        without_passkey=waits and not own,
        faults=faults or [],
    )


def area_name(area: str) -> str:
    """Return an area's name as the head end reports it, or `unknown area`."""
    return area or _("unknown area")


def request_release(posted: Mapping[str, str], user_id: int, now: datetime) -> str | list[str]:
    """Request a release in all areas with held disconnections; return its id, or the errors."""
    held = releases.held_cuts_reports()
    areas = sorted({area for one in held for area in one.areas})
    if not areas:
        return [_("No disconnections are held.")]
    cuts, hours = posted.get("cuts", "").strip(), posted.get("hours", "")
    if not (cuts.isascii() and cuts.isdigit() and len(cuts) <= 7 and 1 <= int(cuts) <= 1_000_000):
        return [_("Enter the number of disconnections: a whole number from 1 to 1000000.")]
    if hours not in {str(hour) for hour in HOURS}:
        return [_("Choose the duration of the release.")]
    # With one approver a release takes effect only after the delay, which is added so that it still lasts `hours`.
    delay_s = held[0].delay_s if len(held[0].approvers) == 1 else 0
    return requests.ask_release(
        cuts=int(cuts),
        areas=areas,
        lasts=timedelta(hours=int(hours), seconds=delay_s),
        nonce=held[0].nonce,
        user_id=user_id,
        now=now,
    )


def _counts(told: releases.HeldCutsReport) -> list[tuple[str, str]]:
    return [
        (_("Disconnected in the last hour / limit"), f"{told.cuts_in_hour} / {told.cuts_per_hour}"),
        (_("Disconnected in the last 24 hours / limit"), f"{told.cuts_in_day} / {told.cuts_per_day}"),
    ]


def _how(told: releases.HeldCutsReport | None) -> str:
    if told is None:
        return ""
    if not told.approvers:
        return _(
            "No release is possible: no approver's passkey is installed at the head end. On the server, install those of two people: urja approver install E-MAIL"
        )
    if len(told.approvers) == 1:
        return _(
            "One approver is enrolled. A release takes effect %(hours)s hours after that person's approval, unless it is cancelled."
        ) % {"hours": told.delay_s // 3600}
    return _("A release needs the approval of two of these people.")


def _line(
    one: Release, told: releases.HeldCutsReport | None, own: list[Any], user_id: int, now: datetime
) -> ReleaseRow:
    content = one.content
    answered = {answer.user_id for answer in one.answers}
    is_open = one.state in OPEN_RELEASES and one.cancelled_at is None and one.until_at > now
    # An answer signs the head end's nonce: once the head end has drawn another, it would refuse an older one.
    asked = is_open and one.state == ReleaseState.ASKED and told is not None and told.nonce == one.nonce
    question = None
    if asked and content is not None and own and user_id not in answered:
        question = PasskeyChallenge(
            challenge=base64url(content.challenge(one.nonce)),
            rp_id=approvals.rp_id(),
            credentials=",".join(base64url(one.id) for one in own),
        )
    return ReleaseRow(
        id=one.id,
        title=ngettext(
            "%(count)s disconnection until %(until)s", "%(count)s disconnections until %(until)s", one.cuts
        )
        % {"count": one.cuts, "until": _moment(one.until_at, now)},
        state=_state(one, now),
        facts=_facts(one, now),
        areas=", ".join(area_name(area) for area in one.areas),
        question=question,
        unjudged=asked and user_id in answered,
        may_cancel=is_open,
        plain=json.dumps(content.content(), ensure_ascii=False, indent=2) if content else "",
        fingerprint=fingerprint(content.content()) if content else "",
    )


def fingerprint(content: Mapping[str, object]) -> str:
    """Return the fingerprint of the signed content."""
    digits = passkey.digest(content).hex()
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def _state(one: Release, now: datetime) -> str:
    if one.cancelled_at is not None and one.state in OPEN_RELEASES:
        return _("being cancelled")
    match ReleaseState(one.state):
        case ReleaseState.ASKED:
            return _("waiting for approval")
        case ReleaseState.DELAYED:
            if one.effective_at is None or one.effective_at <= now:
                return _("in effect")
            return _("takes effect %(moment)s, unless it is cancelled") % {
                "moment": _moment(one.effective_at, now)
            }
        case ReleaseState.RELEASED:
            return _("in effect")
        case ReleaseState.REFUSED:
            return _("refused by the head end: %(why)s") % {"why": one.detail}
        case ReleaseState.CANCELLED:
            return _("cancelled")
        case ReleaseState.EXPIRED:
            return _("expired without approval")
        case state:
            assert_never(state)


def _facts(one: Release, now: datetime) -> list[str]:
    asked = _("Requested by %(who)s, %(moment)s.") % {
        "who": one.asked_by,
        "moment": _moment(one.asked_at, now),
    }
    given = [
        _("Approved by %(who)s, %(moment)s.") % {"who": answer.name, "moment": _moment(answer.given_at, now)}
        for answer in one.answers
    ]
    back = (
        [
            _("Cancelled by %(who)s, %(moment)s.")
            % {"who": one.cancelled_by, "moment": _moment(one.cancelled_at, now)}
        ]
        if one.cancelled_at is not None
        else []
    )
    return [asked, *given, *back]


def _moment(at: datetime, now: datetime) -> str:
    return formats.moment(at.astimezone(zone()), now.date())
