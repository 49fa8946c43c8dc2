"""A service point at a past instant, as it was known at another: for complaints about an earlier month.

Money, supply and the line of time have instants of their own and are not shown here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.identity.requests import record_personal_reads
from urja.apps.overviews.queries import bitemporal
from urja.apps.overviews.queries.bitemporal import AsOf, PlacedServicePoint
from urja.apps.overviews.queries.registry import AgreementRow, DevicePeriodRow, PlacementRow, ServicePointRow
from urja.web.console import wording
from urja.web.console.as_of_form import AsOfForm, banner_of, form_of
from urja.web.console.service_point_residents import calendar_in_words, person_name, terms_in_words
from urja.web.console.time_formats import period_in_words


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    rows: list[tuple[str, list[str]]]
    """Pairs of a name and its facts."""
    nothing: str
    """Text shown if there are no rows."""


@dataclass(frozen=True, slots=True)
class AsOfPage:
    number: str
    title: str
    address: str
    form: AsOfForm
    banner: str
    """Both instants in words; empty if the form has errors."""
    parts: list[Part]


def as_of_page(place: ServicePointRow, caller: Caller, typed: Mapping[str, str], now: datetime) -> AsOfPage:
    """Return the page, and record the read of the personal data it shows."""
    form, at = form_of(typed, now)
    then = None if at is None else bitemporal.placed_service_point(place.id, at)
    premise = (then.service_point if then is not None else place).premise
    return AsOfPage(
        number=place.consumer_number,
        title=wording.service_point_name(premise.name, place.consumer_number),
        address=" ".join(filter(None, (premise.address, premise.pin_code))),
        form=form,
        banner="" if at is None else banner_of(at),
        parts=[] if at is None else _parts(place, then, at, caller, now),
    )


def _parts(
    place: ServicePointRow, then: PlacedServicePoint | None, at: AsOf, caller: Caller, now: datetime
) -> list[Part]:
    if then is None:
        return [Part(_("Service point"), [], _("This service point was not recorded at that time."))]
    parts = [
        Part(_("Placement"), [_placement(one) for one in then.placements], _("No placement recorded.")),
        Part(
            _("Meters"),
            [_installed(one) for one in bitemporal.installations([place.id], at)],
            _("No meter installed."),
        ),
    ]
    if caller.area(Read.AGREEMENT) is not None:
        agreement = bitemporal.agreement_at(place.id, at)
        rows = [] if agreement is None else [_resident(agreement, place.commodity, at, caller, now)]
        parts.append(Part(_("Agreements"), rows, _("No agreement in force.")))
    return parts


def _placement(placement: PlacementRow) -> tuple[str, list[str]]:
    node = placement.node
    phase = _("phase %(phase)s") % {"phase": placement.phase} if placement.phase else ""
    since = period_in_words(placement.valid_from, placement.valid_to)
    return f"{wording.level(node.level)} {node.code}", list(filter(None, (phase, since)))


def _installed(period: DevicePeriodRow) -> tuple[str, list[str]]:
    facts = [wording.device_role(period.role), period_in_words(period.valid_from, period.valid_to)]
    if period.ratio_primary != period.ratio_secondary:
        facts.append(
            _("transformer ratio %(primary)s/%(secondary)s")
            % {"primary": period.ratio_primary, "secondary": period.ratio_secondary}
        )
    facts += wording.service(period.commissioned_at, period.taken_over_at)
    return period.device.serial, facts


def _resident(
    agreement: AgreementRow, commodity: str, at: AsOf, caller: Caller, now: datetime
) -> tuple[str, list[str]]:
    name = _("Agreement %(number)s") % {"number": agreement.id}
    if agreement.customer_id is not None and caller.area(Read.CONSUMER) is not None:
        record_personal_reads(caller, [agreement.customer_id], "console connection as of", now)
        person = bitemporal.person(agreement.customer_id, at)
        name = name if person is None else person_name(person)
    terms = [terms_in_words(one, commodity) for one in agreement.all_terms]
    return name, [
        period_in_words(agreement.valid_from, agreement.valid_to),
        *calendar_in_words(agreement.billing_day, agreement.bill_from),
        *terms,
    ]
