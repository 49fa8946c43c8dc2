"""Whether a supply has power, in words: what `urja.core.power` says, and nothing beyond it."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from django.utils.translation import gettext as _

from urja.apps.readings.queries.power import power_at
from urja.apps.supply.queries import AccountStanding
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.core.power import Disconnected, NoPower, NotCommunicating, PowerAtMeter, Powered, PowerState
from urja.web.shared import formats
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone


@dataclass(frozen=True, slots=True)
class PowerView:
    """`state`: `powered`, `no_power`, `disconnected` or `not_heard_from`; `text` says the same."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A relay that the meter has confirmed to be open."""

    holds: frozenset[str]
    since: datetime | None


def opened(known: AccountSnapshot) -> Opened | None:
    """Whether a supply's relay is open, by what a decision would rest on."""
    if known.facts.supply != "off":
        return None
    return Opened(known.facts.holds, known.executed.ended_at if known.executed else None)


def opened_when_decided(standing: AccountStanding | None) -> Opened | None:
    """The same by the last decision."""
    if standing is None or standing.supply != "off":
        return None
    return Opened(frozenset(standing.holds), None)


def power_of(card: AccountCard, now: datetime, relay: Opened | None) -> PowerState | None:
    """The power of an account's supply; None where no meter bills it, and after the end of its agreement."""
    if card.agreement is None or card.interval is None or card.agreement.has_ended(now):
        return None
    meter = power_at(card.agreement.service_point_id, card.heard, card.interval, now, card.asleep)
    return with_relay(meter, relay)


def with_relay(meter: PowerAtMeter, relay: Opened | None) -> PowerState:
    """What is known of the power at a meter, and whether its relay lets it through."""
    return Disconnected(relay.holds, relay.since, meter) if relay else meter


def shown(power: PowerState, now: datetime, commodity: str = "electricity") -> PowerView:
    """Return the state for a page, with the instant of its evidence."""
    if commodity == "gas":
        return _of_gas(power, now)
    match power:
        case Powered():
            return PowerView("powered", at_meter_words(power, now))
        case NoPower():
            return PowerView("no_power", at_meter_words(power, now))
        case NotCommunicating():
            return PowerView("not_heard_from", at_meter_words(power, now))
        case Disconnected(since=since, at_meter=meter):
            words = (
                _("Disconnected since %(moment)s.") % {"moment": _moment(since, now)}
                if since
                else _("Disconnected.")
            )
            beside = "" if isinstance(meter, Powered) else at_meter_words(meter, now)
            return PowerView("disconnected", " ".join(filter(None, (words, beside))))
        case _:
            assert_never(power)


def _of_gas(power: PowerState, now: datetime) -> PowerView:
    """The same of a gas meter, which has a battery: that it reports does not say that gas is there."""
    meter = power.at_meter if isinstance(power, Disconnected) else power
    heard = (
        _("The meter last reported %(moment)s.") % {"moment": _moment(meter.heard_at, now)}
        if isinstance(meter, Powered)
        else _("The meter has not communicated yet.")
        if meter.since is None
        else _("No communication from the meter since %(moment)s.") % {"moment": _moment(meter.since, now)}
    )
    if not isinstance(power, Disconnected):
        return PowerView("powered" if isinstance(meter, Powered) else "not_heard_from", heard)
    closed = (
        _("The valve is closed since %(moment)s.") % {"moment": _moment(power.since, now)}
        if power.since
        else _("The valve is closed.")
    )
    return PowerView("disconnected", closed if isinstance(meter, Powered) else f"{closed} {heard}")


def at_meter_words(meter: PowerAtMeter, now: datetime) -> str:
    """Return a sentence on the power at the meter: powered, no power or disconnected, since when, or not known."""
    match meter:
        case Powered(heard_at=at):
            return _("Powered: the meter last reported %(moment)s.") % {"moment": _moment(at, now)}
        case NoPower(since=since, evidence="meter"):
            return _("No power at the meter since %(moment)s: it reported a power failure.") % {
                "moment": _moment(since, now)
            }
        case NoPower(since=since):
            return _(
                "No power at the meter since %(moment)s: the meters around it reported a power failure."
            ) % {"moment": _moment(since, now)}
        case NotCommunicating():
            return not_heard_words(meter, now)
        case _:
            assert_never(meter)


def not_heard_words(meter: NotCommunicating, now: datetime) -> str:
    """What is known of the power at a meter that does not communicate, in a sentence."""
    if meter.since is None:
        return _("The meter has not communicated yet.")
    return _("No communication from the meter since %(moment)s: whether there is power is not known.") % {
        "moment": _moment(meter.since, now)
    }


def _moment(at: datetime, now: datetime) -> str:
    return formats.moment(at.astimezone(zone()), now.astimezone(zone()).date())
