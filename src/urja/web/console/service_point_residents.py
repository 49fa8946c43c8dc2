"""Who lives or lived at a service point: agreements with their terms, and the people of each."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from django.utils.translation import gettext as _

from urja.apps.contracts.kinds import Agreement, Terms
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.network.kinds import Commodity
from urja.apps.overviews.queries import service_points
from urja.apps.overviews.queries.registry import PersonRow, TermsRow
from urja.web.console import wording
from urja.web.console.time_formats import period_in_words
from urja.web.shared import formats


@dataclass(frozen=True, slots=True)
class Resident:
    """One present or past agreement at the service point, as shown."""

    name: str
    since: str
    now: bool
    terms: list[str]
    people: list[str]
    """Names with their contact data; empty if the caller may not read consumers."""


def in_force(valid_from: datetime, valid_to: datetime | None, at: datetime) -> bool:
    """Return whether a half-open period, without an end where `valid_to` is None, contains an instant."""
    return valid_from <= at and (valid_to is None or at < valid_to)


def residents_of(agreements: list[Agreement], caller: Caller, now: datetime) -> list[Resident]:
    """Return the agreements of a service point as shown, with the people whom the caller may read."""
    people = _people(agreements, caller, now)
    return [
        Resident(
            name=people[one.id][0] if people.get(one.id) else _("Agreement %(number)s") % {"number": one.id},
            since=" · ".join(
                [
                    period_in_words(one.valid_from, one.valid_to),
                    *calendar_in_words(one.billing_day, one.bill_from),
                ]
            ),
            now=in_force(one.valid_from, one.valid_to, now),
            terms=[terms_in_words(terms, one.commodity) for terms in reversed(one.all_terms)],
            people=people.get(one.id, [])[1:],
        )
        for one in agreements
    ]


def _people(agreements: list[Agreement], caller: Caller, now: datetime) -> dict[int, list[str]]:
    """Return by agreement the consumer's name and every person with access to its account, with contact data."""
    if caller.area(Read.CONSUMER) is None:
        return {}
    ids = [one.account_id for one in agreements]
    customers = [one.customer_id for one in agreements if one.customer_id is not None]
    found = service_points.people_of(ids, customers)
    # Recorded before the page is rendered: a read that cannot be recorded is not shown.
    record_personal_reads(caller, [person.id for person in found], "console connection", now)
    shown = {}
    for one in agreements:
        own = [
            person
            for person in found
            if person.id == one.customer_id
            or any(seen.account_id == one.account_id for seen in person.accesses.all())
        ]
        holder = next((person for person in own if person.id == one.customer_id), own[0] if own else None)
        name = person_name(holder) if holder else _("no consumer named")
        shown[one.id] = [name, *(_reached(person) for person in own)]
    return shown


def person_name(person: PersonRow) -> str:
    return person.name or _("Person %(number)s, anonymised") % {"number": person.id}


def _reached(person: PersonRow) -> str:
    return " · ".join(filter(None, (person_name(person), person.phone, person.email, person.address)))


def calendar_in_words(billing_day: int | None, bill_from: date | None) -> list[str]:
    """Return the agreement's own billing day and the day of its first fixed charges in words, where it has them."""
    return [
        *([_("billing day %(day)s") % {"day": billing_day}] if billing_day is not None else []),
        *(
            [_("fixed charges from %(day)s") % {"day": formats.day(bill_from)}]
            if bill_from is not None
            else []
        ),
    ]


def terms_in_words(terms: Terms | TermsRow, commodity: str) -> str:
    parts = [
        terms.tariff_code,
        # Gas has no load in kW, whatever the terms hold.
        ""
        if commodity == Commodity.GAS
        else _("%(load)s kW") % {"load": formats.kilowatt_hours(terms.sanctioned_load_w)},
        *_other_terms(terms),
        wording.configuration(terms.payment_mode),
        "" if terms.metering_mode == "forward" else wording.configuration(terms.metering_mode),
        terms.category,
        _("own policy %(code)s") % {"code": terms.policy} if terms.policy else "",
        period_in_words(terms.valid_from, terms.valid_to),
    ]
    return " · ".join(filter(None, parts))


def _other_terms(terms: Terms | TermsRow) -> list[str]:
    """Return what terms state besides the sanctioned load in kW, in words."""
    said = {
        "sanctioned_load_va": _("%(load)s kVA"),
        "contracted_load_w": _("%(load)s kW contracted"),
        "contracted_load_va": _("%(load)s kVA contracted"),
    }
    stated = {name: getattr(terms, name) for name in said}
    words = [said[name] % {"load": formats.kilowatt_hours(load)} for name, load in stated.items() if load]
    if terms.carpet_area_dm2:
        words.append(_("%(area)s m²") % {"area": formats.ratio(Fraction(terms.carpet_area_dm2, 100))})
    return words
