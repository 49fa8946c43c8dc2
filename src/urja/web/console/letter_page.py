"""The letter of a service point: its unserved disconnection notices on one sheet of paper, in the consumer's language.

The sheet has a slip that the person who serves it fills in. A clerk then records it with the operation
`record_letter`, by the number that is printed on both.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from urja.apps.books.queries import is_credited_since
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.network.kinds import Commodity
from urja.apps.notices import queries as notices
from urja.apps.notices.queries import NoticeRow
from urja.apps.overviews.queries import areas, premises, service_points
from urja.apps.overviews.queries.registry import PersonRow, PremiseRow, ServicePointRow
from urja.apps.supply.queries import is_disconnected
from urja.usecases.kinds.connections import RecordLetter
from urja.web.console.operation_page import operation_named
from urja.web.shared import formats, notice_words


@dataclass(frozen=True, slots=True)
class Announcement:
    """One notice, with the day of which its figures are."""

    title: str
    day: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class LetterPage:
    """A sheet to print; every text is in the consumer's language."""

    language: str
    utility: str
    reference: str
    """Number of the letter, which the record names."""
    day: str
    consumer: str
    address: list[str]
    heading: str
    """The supply that it is about, with its consumer number."""
    number: str
    announcements: list[Announcement]
    back: str
    record: str
    """Address of the form that records the letter; empty where the caller may not."""


def may_be_served_on_paper(agreement: Agreement) -> bool:
    """Return whether an account has a disconnection notice that a letter can still serve."""
    return bool(_unserved(agreement))


def _unserved(agreement: Agreement) -> list[NoticeRow]:
    """Return what a letter would say; nothing where a credit or a disconnection has outdated it."""
    if is_disconnected(agreement.account_id):
        return []
    return [
        notice
        for notice in notices.unserved_announcements(agreement.account_id)
        if not is_credited_since(agreement.account_id, notice.requested_at)
    ]


def letter_page(place: ServicePointRow, caller: Caller, now: datetime) -> LetterPage | None:
    """Return the letter of a service point at `now` (UTC), or None where there is none to print.

    Records the read of the personal data it shows.
    """
    agreement = next((one for one in contracts.of_service_point(place.id) if _is_in_force(one, now)), None)
    if agreement is None:
        return None
    unserved = _unserved(agreement)
    if not unserved:
        return None
    consumer = _consumer(agreement)
    if consumer is not None:
        # Recorded before the page is rendered: a read that cannot be recorded is not shown.
        record_personal_reads(caller, [consumer.id], "console letter", now)
    language = _language(consumer, unserved)
    reference = f"L-{unserved[-1].id}"
    premise = place.premise
    typed = urlencode({"consumer_number": place.consumer_number, "reference": reference})
    with translation.override(language):
        return LetterPage(
            language=language,
            utility=settings.URJA_UTILITY,
            reference=reference,
            day=formats.day_of(now),
            consumer=consumer.name if consumer else "",
            address=[line for line in (premise.name, premise.address, premise.pin_code) if line],
            heading=_heading(place),
            number=place.consumer_number,
            announcements=[_announcement(notice, place.commodity) for notice in unserved],
            back=reverse("console:connection", args=[place.consumer_number]),
            record=f"{reverse('console:operation', args=[RecordLetter.kind()])}?{typed}"
            if operation_named(RecordLetter.kind(), caller)
            else "",
        )


@dataclass(frozen=True, slots=True)
class LettersPage:
    title: str
    letters: list[LetterPage]
    back: str


def letters_page(premise: PremiseRow, caller: Caller, now: datetime) -> LettersPage | None:
    """Return the letters of a society's or another premise's service points at `now` (UTC), in the order of its flats.

    None where a part of the premise is outside the caller's area. Records the reads of the personal data.
    """
    if not all(
        areas.holds_premise(caller.must(read), premise.id, now) for read in (Read.CONSUMER, Read.AGREEMENT)
    ):
        return None
    places = premises.service_points(premise.id, "premise__name", "consumer_number")
    accounts = service_points.accounts_at([place.id for place in places], now)
    announced = notices.with_announcements(accounts.values())
    letters = [letter_page(place, caller, now) for place in places if accounts.get(place.id) in announced]
    return LettersPage(
        title=premise.name,
        letters=[letter for letter in letters if letter is not None],
        back=reverse("console:society", args=[premise.id]),
    )


def _heading(place: ServicePointRow) -> str:
    said = (
        _("Your gas supply, consumer number %(number)s")
        if place.commodity == Commodity.GAS
        else _("Your electricity supply, consumer number %(number)s")
    )
    return said % {"number": place.consumer_number}


def may_print(caller: Caller) -> bool:
    """Return whether a caller may see names, addresses and agreements, of which a letter is made."""
    return caller.area(Read.CONSUMER) is not None and caller.area(Read.AGREEMENT) is not None


def _is_in_force(agreement: Agreement, now: datetime) -> bool:
    return agreement.valid_from <= now and (agreement.valid_to is None or now < agreement.valid_to)


def _consumer(agreement: Agreement) -> PersonRow | None:
    """Return the consumer of an agreement, otherwise the first person with access to its account."""
    customers = [agreement.customer_id] if agreement.customer_id is not None else []
    people = service_points.people_of([agreement.account_id], customers)
    named = (one for one in people if one.id == agreement.customer_id)
    return next(named, people[0] if people else None)


def _language(consumer: PersonRow | None, unserved: list[NoticeRow]) -> str:
    known = {code for code, _name in settings.LANGUAGES}
    asked = (consumer.language if consumer else unserved[-1].language).partition("-")[0].lower()
    return asked if asked in known else "en"


def _announcement(notice: NoticeRow, commodity: str) -> Announcement:
    return Announcement(
        title=notice_words.title_of(notice.kind, commodity),
        day=formats.day_of(notice.requested_at),
        text=notice.text,
        language=notice.language,
    )
