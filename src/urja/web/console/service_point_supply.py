"""The supply of a service point: its power, its standing, its holds and its policy."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import get_language, gettext as _

from urja.apps.contracts.kinds import Agreement
from urja.apps.overviews.queries.registry import ServicePointRow
from urja.apps.readings.queries.power import billing_meter_power
from urja.apps.rulebook.errors import UnknownPolicyError
from urja.apps.rulebook.queries.policies import name_of, policy_book
from urja.apps.supply import queries as supply
from urja.apps.supply.queries import AccountStanding
from urja.core.calendar import local_day
from urja.web.console import wording
from urja.web.console.time_formats import moment_of
from urja.web.shared import power_words as powers
from urja.web.shared.clock import zone


@dataclass(frozen=True, slots=True)
class SupplyView:
    state: str
    """State key as in `portal.power.PowerView`; `words` is its label, `power` adds the time of the evidence."""
    words: str
    power: str
    sentence: str
    since: str
    holds: list[str]
    governed: str
    """Which policy applies, and whether it is the agreement's own, its category's or the general one."""


def supply_view(current: Agreement | None, place: ServicePointRow, now: datetime) -> SupplyView:
    """Return where the supply of a service point stands; `current` is the agreement in force, if any."""
    standing = supply.standing(current.account_id) if current else None
    state, words, power = _power(standing, place, now)
    if current is None:
        waits, holds = _vacant(place.id, now)
        sentence = _("No agreement in force: nothing is charged.")
        return SupplyView(state, words, power, sentence, waits, holds, "")
    if standing is None:
        sentence = _("This service point has not been evaluated yet.")
        return SupplyView(state, words, power, sentence, "", [], _governed(current, now))
    return SupplyView(
        state=state,
        words=words,
        power=power,
        sentence=standing.sentence(now, get_language() or "en"),
        since=_("%(standing)s since %(moment)s")
        % {"standing": wording.account_state(standing.standing), "moment": moment_of(standing.since_at, now)},
        holds=[wording.hold(reason) for reason in standing.holds],
        governed=_governed(current, now),
    )


def _vacant(service_point_id: int, now: datetime) -> tuple[str, list[str]]:
    """Return until when a disconnection waits, in words, and the holds of a service point without an agreement."""
    found = supply.vacancy(service_point_id, now)
    holds = [wording.hold(reason) for reason in found.holds]
    if found.waits_until is None:
        return "", holds
    moment = moment_of(found.waits_until, now)
    return _(
        "The supply will be disconnected at %(moment)s or later; the hours until then are protected."
    ) % {"moment": moment}, holds


def _power(standing: AccountStanding | None, place: ServicePointRow, now: datetime) -> tuple[str, str, str]:
    """Return state, label and sentence of the power at a service point."""
    meter = billing_meter_power(place.id, now)
    if meter is None:
        return "unknown", _("no meter"), ""
    view = powers.shown(powers.with_relay(meter, powers.opened_when_decided(standing)), now, place.commodity)
    return view.state, wording.power(view.state, place.commodity), view.text


def _governed(current: Agreement | None, now: datetime) -> str:
    policies = policy_book()
    if current is None or not policies:
        return ""
    terms = current.terms_at(now)
    try:
        policy = name_of(policies.governs(terms.policy, terms.category, local_day(now, zone())))
    except UnknownPolicyError:
        return _("No policy in force applies: the supply is neither warned, disconnected nor reconnected.")
    if terms.policy:
        return _("Own policy: %(policy)s") % {"policy": policy}
    if terms.category and terms.category in policies.assigned:
        return _("Policy of the category: %(policy)s") % {"policy": policy}
    return _("General policy: %(policy)s") % {"policy": policy}
