"""Text and recipient of a notice: calculated when it is about to be sent, then stored with it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model

from urja.apps.billing import queries as billing
from urja.apps.billing.rating_basis import unratable_reason
from urja.apps.books import queries as books
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.identity.queries.accounts import people_with_access
from urja.apps.local_zone import local_zone
from urja.apps.maintenance.queries import consumer_account
from urja.apps.network import queries as network
from urja.apps.notices import channels, wording
from urja.apps.notices.config import ChannelConfig
from urja.apps.notices.kinds import SAFETY
from urja.apps.notices.models import Notice
from urja.apps.people import queries as persons
from urja.apps.people.queries import PersonRow
from urja.apps.readings import queries as readings
from urja.core.policy.wording import DEFAULT_LANGUAGE

USUAL_DAYS: Final = 7
"""Average use is the mean of the last so many days that are known."""

AFTER_RECHARGE: Final = (
    "recharge",
    "reconnected",
    "press",
    "dues",
    "cheque",
    "cheque_returned",
    "receipt_cancelled",
    "maintenance",
    "becomes_postpaid",
    "becomes_prepaid",
    "review",
    "review_ended",
    *SAFETY,
)
"""Kinds that a recharge does not outdate."""


type IsDisconnected = Callable[[int], bool]
"""Returns whether an account's supply is disconnected. Passed in by the stage: the app `supply` is above notices."""


@dataclass(frozen=True, slots=True)
class ComposedNotice:
    """A text with its recipient; without a channel where no address of any channel is known."""

    text: str
    language: str
    to: str
    channel: ChannelConfig | None


def compose(
    notice: Notice, now: datetime, recharge_at: str, is_disconnected: IsDisconnected
) -> ComposedNotice:
    """Return the text and the recipient of a notice at the business instant `now` (UTC)."""
    zone = local_zone()
    if notice.account_id is None:
        assert notice.staff_id is not None, "the database has each notice for an account or a member of staff"
        return _compose_for_staff(notice, notice.staff_id, now.astimezone(zone))
    person, channel = recipient(notice.kind, notice.account_id)
    consumer = consumer_account(notice.account_id)
    language = wording.known_language(person.language if person else DEFAULT_LANGUAGE)
    agreement = contracts.agreement_at(consumer, now)
    said = wording.text(
        notice.kind,
        _params(notice, notice.account_id, agreement, now, zone, is_disconnected)
        if consumer == notice.account_id
        # Of maintenance: neither balance nor days of electricity belong there.
        else {"currency": books.posted_balance(notice.account_id)[0], **notice.params},
        now=now.astimezone(zone),
        language=language,
        usual=usual_use(agreement, now, zone) if agreement and notice.kind not in SAFETY else None,
        commodity=agreement.commodity if agreement else "electricity",
        consumer_number=_consumer_number(agreement) if agreement else "",
        recharge_at=recharge_at,
    )
    to = address(person, channel.medium) if person and channel else ""
    return ComposedNotice(said, language, to, channel)


def _compose_for_staff(notice: Notice, user_id: int, now: datetime) -> ComposedNotice:
    """Return the text for a member of staff, by the first channel for which that person has an address."""
    person = persons.person_of_user(user_id)
    language = wording.known_language(person.language if person else DEFAULT_LANGUAGE)
    said = wording.text(notice.kind, notice.params, now=now, language=language)
    for channel in channels.configured():
        to = ""
        if channel.medium == "email":
            to = get_user_model().objects.filter(id=user_id).values_list("email", flat=True)[0]
        elif person is not None:
            to = person.phone or ""
        if to:
            return ComposedNotice(said, language, to, channel)
    return ComposedNotice(said, language, "", None)


def _consumer_number(agreement: Agreement) -> str:
    return network.consumer_numbers([agreement.service_point_id])[agreement.service_point_id]


def recipient(kind: str, account_id: int) -> tuple[PersonRow | None, ChannelConfig | None]:
    """Return the person and the channel of a notice: the first channel for which any person has an address.

    Owners come before members. A warning on which a disconnection may rest, or a life, goes by a channel that reports
    delivery, where a person can be reached by one; otherwise the order of the settings decides. No channel: no person can be
    reached.
    """
    people = people_with_access(consumer_account(account_id))
    preferred = channels.configured()
    if kind not in AFTER_RECHARGE or kind in SAFETY:
        # A stable sort: within both groups the order of the settings remains.
        preferred = tuple(sorted(preferred, key=lambda channel: not channel.reports))
    for channel in preferred:
        for person in people:
            if address(person, channel.medium):
                return person, channel
    return (people[0] if people else None), None


def address(person: PersonRow, medium: str) -> str:
    """Return a person's address for a medium, or an empty text.

    Of e-mail addresses the one they sign in with comes first, because it is verified.
    """
    if medium == "sms":
        return person.phone or ""
    return persons.signs_in_with(person.id) or person.email


def is_outdated(notice: Notice, is_disconnected: IsDisconnected) -> bool:
    """Return whether a warning is no longer true.

    A recharge was posted since it was requested, or the supply is disconnected already.
    """
    if notice.kind in AFTER_RECHARGE or notice.account_id is None:
        return False
    return books.is_credited_since(notice.account_id, notice.requested_at) or is_disconnected(
        notice.account_id
    )


def usual_use(agreement: Agreement, now: datetime, zone: ZoneInfo) -> int | None:
    """Return the mean use of the last complete days whose use is known: Wh of electricity, litres of gas; None before the
    first.
    """
    today = now.astimezone(zone).date()
    wanted = {today - timedelta(days=number) for number in range(1, USUAL_DAYS + 1)}
    since = agreement.valid_from.astimezone(zone).date()
    months = {day.replace(day=1) for day in wanted if day > since}
    known = [
        use.energy_wh
        for month in months
        for use in readings.use_by_day(agreement, month)
        # The day on which the agreement began is not a complete day.
        if use.day in wanted and use.day > since and use.energy_wh is not None
    ]
    return round(sum(known) / len(known)) if known and sum(known) > 0 else None


def _params(
    notice: Notice,
    account_id: int,
    agreement: Agreement | None,
    now: datetime,
    zone: ZoneInfo,
    is_disconnected: IsDisconnected,
) -> dict[str, object]:
    """Return the notice's parameters; for notices that no policy requested, with the account's state at `now`."""
    # A warning of danger must not wait for a balance, nor fail for the want of one.
    if notice.kind not in AFTER_RECHARGE or notice.kind in SAFETY:
        return dict(notice.params)
    currency, balance_minor, days_left = _balance_at(account_id, agreement, now)
    params = {
        "currency": currency,
        "balance_minor": balance_minor,
        f"{notice.kind}_at": notice.requested_at.astimezone(zone).isoformat(timespec="seconds"),
        **notice.params,
    }
    # How long the credit lasts is stated only for a supply that is connected: a disconnected one does not use it.
    if days_left is not None and balance_minor > 0 and not is_disconnected(account_id):
        lasts = timedelta(seconds=min(int(days_left * 86_400), 10 * 365 * 86_400))
        params["ends_at"] = (now + lasts).astimezone(zone).isoformat(timespec="seconds")
    return params


def _balance_at(
    account_id: int, agreement: Agreement | None, now: datetime
) -> tuple[str, int, Fraction | None]:
    """Return currency, balance and days left; the ledger balance alone where the use cannot be rated."""
    if agreement and unratable_reason(agreement, now):
        return *books.posted_balance(account_id), None
    balance = billing.fresh_balance(account_id, now, agreement)
    return balance.currency, balance.balance_minor, balance.days_left
