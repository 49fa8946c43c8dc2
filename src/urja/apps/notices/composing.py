"""What a notice says and to whom: asked of the other apps when it is about to be sent, then kept with it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings

from urja.apps.billing import queries as billing
from urja.apps.billing.usage import unratable_reason
from urja.apps.books import queries as books
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.identity.queries.accounts import people_with_access
from urja.apps.network import queries as network
from urja.apps.notices import channels, wording
from urja.apps.notices.config import ChannelConfig
from urja.apps.notices.models import Notice
from urja.apps.people import queries as persons
from urja.apps.people.kinds import Person
from urja.apps.readings import queries as readings
from urja.core.policy.wording import DEFAULT_LANGUAGE

USUAL_DAYS: Final = 7
"""Usual use is the mean of the last so many days that are known."""

AFTER_RECHARGE: Final = ("recharge", "lit", "press", "dues")
"""Kinds that a recharge does not make untrue."""


type IsDisconnected = Callable[[int], bool]
"""Whether the supply of an account is disconnected: the stage asks `supply`, which stands above notices."""


@dataclass(frozen=True, slots=True)
class ComposedNotice:
    """A text and where it goes; no channel where nobody has given an address of one."""

    text: str
    language: str
    to: str
    channel: ChannelConfig | None


def compose(
    notice: Notice, now: datetime, recharge_at: str, is_disconnected: IsDisconnected
) -> ComposedNotice:
    """The text of a notice at the business instant `now`."""
    zone = ZoneInfo(settings.URJA_TIMEZONE)
    person, channel = recipient(notice)
    language = wording.known_language(person.language if person else DEFAULT_LANGUAGE)
    agreement = contracts.agreement_at(notice.account_id, now)
    said = wording.text(
        notice.kind,
        _params(notice, agreement, now, zone, is_disconnected),
        now=now.astimezone(zone),
        language=language,
        usual_wh=usual_wh(agreement, now, zone) if agreement else None,
        consumer_number=_consumer_number(agreement) if agreement else "",
        recharge_at=recharge_at,
    )
    to = address(person, channel.medium) if person and channel else ""
    return ComposedNotice(said, language, to, channel)


def _consumer_number(agreement: Agreement) -> str:
    return network.consumer_numbers([agreement.service_point_id])[agreement.service_point_id]


def recipient(notice: Notice) -> tuple[Person | None, ChannelConfig | None]:
    """Who is written to, and by which channel: the first of both where a person has such an address.

    Owners come before members. A warning that a cut may have to rest on goes by a channel that tells of its delivery,
    where somebody can be reached by one; else the settings' preference decides.
    """
    people = people_with_access(notice.account_id)
    preferred = channels.configured()
    if notice.kind not in AFTER_RECHARGE:
        preferred = tuple(sorted(preferred, key=lambda channel: not channel.reports))
    for channel in preferred:
        for person in people:
            if address(person, channel.medium):
                return person, channel
    return (people[0] if people else None), None


def address(person: Person, medium: str) -> str:
    """Where a person is reached: of e-mail addresses that by which one signs in, for it was proved."""
    if medium == "sms":
        return person.phone or ""
    return persons.signs_in_with(person.id) or person.email


def is_outdated(notice: Notice, is_disconnected: IsDisconnected) -> bool:
    """Whether a warning is untrue by now: a recharge was posted since, or the supply is disconnected already."""
    if notice.kind in AFTER_RECHARGE:
        return False
    return books.is_credited_since(notice.account_id, notice.requested_at) or is_disconnected(
        notice.account_id
    )


def usual_wh(agreement: Agreement, now: datetime, zone: ZoneInfo) -> int | None:
    """The mean energy of the last days that ended and whose use is known; none before the first."""
    today = now.astimezone(zone).date()
    wanted = {today - timedelta(days=number) for number in range(1, USUAL_DAYS + 1)}
    since = agreement.valid_from.astimezone(zone).date()
    months = {day.replace(day=1) for day in wanted if day > since}
    known = [
        use.energy_wh
        for month in months
        for use in readings.use_by_day(agreement, month)
        # The day on which somebody moved in is no whole one.
        if use.day in wanted and use.day > since and use.energy_wh is not None
    ]
    return round(sum(known) / len(known)) if known and sum(known) > 0 else None


def _params(
    notice: Notice,
    agreement: Agreement | None,
    now: datetime,
    zone: ZoneInfo,
    is_disconnected: IsDisconnected,
) -> dict[str, Any]:
    """The notice's own, and for those that no policy asked for, what stands on the account now."""
    if notice.kind not in AFTER_RECHARGE:
        return dict(notice.params)
    currency, balance_minor, days_left = _standing(notice.account_id, agreement, now)
    params = {
        "currency": currency,
        "balance_minor": balance_minor,
        f"{notice.kind}_at": notice.requested_at.astimezone(zone).isoformat(timespec="seconds"),
        **notice.params,
    }
    # Until when credit lasts is said of a supply that uses it.
    if days_left is not None and balance_minor > 0 and not is_disconnected(notice.account_id):
        lasts = timedelta(seconds=min(int(days_left * 86_400), 10 * 365 * 86_400))
        params["ends_at"] = (now + lasts).astimezone(zone).isoformat(timespec="seconds")
    return params


def _standing(
    account_id: int, agreement: Agreement | None, now: datetime
) -> tuple[str, int, Fraction | None]:
    """Currency, balance and days left; where nobody knows the price of what was used, what is posted alone."""
    if agreement and unratable_reason(agreement, now):
        return *books.posted_balance(account_id), None
    balance = billing.fresh_balance(account_id, now, agreement)
    return balance.currency, balance.balance_minor, balance.days_left
