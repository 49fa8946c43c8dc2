"""Content of a house's page: what the system knows of it, the true state of its meter, and the meter's display."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.overviews.queries.grid import Supply, supplies
from urja.apps.supply import queries as supply
from urja.apps.supply.queries import feed
from urja.base.untyped_values import JsonMapping
from urja.web.console import wording as words
from urja.web.shared import formats
from urja.web.shared.clock import zone
from urja.web.town import control
from urja.web.town.actions import Kind
from urja.web.town.feed_rows import FeedRow, feed_rows
from urja.web.town.feeders import transformer_title
from urja.web.town.tiles import GAS, HouseTile, is_asleep, kilowatts, switch_state, tile_of
from urja.web.town.world import read_house

HISTORY_ROWS: Final = 60


@dataclass(frozen=True, slots=True)
class HouseHead:
    """The fixed part of a house's page."""

    serial: str
    name: str
    number: str
    email: str
    account_href: str
    transformer: str
    load_switch: bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class HousePage:
    """The live part of a house's page."""

    serial: str
    tile: HouseTile
    facts: list[tuple[str, str]]
    reason: str
    lines: list[FeedRow]
    away: str


@dataclass(frozen=True, slots=True)
class Display:
    """A meter's display: the page shown now, and all pages; empty while the display is off."""

    pages: list[tuple[str, str, str]]
    shown: tuple[str, str, str] | None
    number: int


def house_head(serial: str, now: datetime) -> HouseHead | None:
    """Return the house of a meter, or None if the meter has no consumer."""
    found = next((house for house in supplies(now, serial) if house.account_id is not None), None)
    if found is None:
        return None
    return HouseHead(
        serial=found.serial,
        name=words.service_point_name(found.premise, found.consumer_number),
        number=found.consumer_number,
        email=found.email,
        account_href=reverse("portal:account", args=[found.account_id]),
        transformer=_("Piped gas") if found.commodity == GAS else transformer_title(found.transformer),
        load_switch=found.load_switch,
        kind=_kind(found),
    )


def _kind(house: Supply) -> Kind:
    if house.commodity == GAS:
        return "gas"
    return "electricity" if read_house(house.serial)[1].get("from_generator") is None else "generator"


def house(serial: str, now: datetime) -> HousePage | None:
    """Return what the system knows of a house, the true state of its meter, and its history; None without a consumer."""
    found = next((one for one in supplies(now, serial) if one.account_id is not None), None)
    if found is None or found.account_id is None:
        return None
    away, seen = read_house(serial)
    standing = supply.standing(found.account_id)
    return HousePage(
        serial=serial,
        tile=tile_of(found, seen, standing),
        facts=_facts(found, seen),
        reason="" if standing is None else words.reason(standing.reason, now),
        lines=feed_rows(feed.newest_entries(HISTORY_ROWS, found.service_point_id), now),
        away=away,
    )


def _facts(house: Supply, seen: JsonMapping) -> list[tuple[str, str]]:
    if not seen:
        return []
    return [*(_gas_facts(seen) if house.commodity == GAS else _electric_facts(house, seen)), _link(seen)]


def _electric_facts(house: Supply, seen: JsonMapping) -> list[tuple[str, str]]:
    relay = _("closed") if seen["output"] else switch_state(house.commodity, seen)
    facts = [(_("Load now"), kilowatts(seen["active_w"] - seen["exporting_w"]))]
    if seen.get("from_generator") is not None:
        facts.append((_("Supplied by"), _("its generator") if seen["from_generator"] else _("the grid")))
    facts.append((_("Register of the grid"), formats.energy(seen["register_wh"])))
    return [*facts, (_("Relay"), relay if house.load_switch else _("no relay"))]


def _gas_facts(seen: JsonMapping) -> list[tuple[str, str]]:
    module = seen["module"]
    wake_at = datetime.fromisoformat(module["next_wake_at"]).astimezone(zone())
    return [
        # mL a second are 3.6 litres an hour.
        (
            _("Flow now"),
            _("%(volume)s an hour") % {"volume": formats.billed(module["flow_ml_s"] * 18 // 5, GAS)},
        ),
        (_("Register"), formats.billed(seen["register_l"], GAS)),
        (_("Valve"), _("open") if seen["output"] else switch_state(GAS, seen)),
        (
            _("Module"),
            _("awake")
            if module["awake"]
            else _("asleep until %(time)s") % {"time": formats.clock_time(wake_at)},
        ),
        (
            _("Battery"),
            _("%(percent)d %%, for %(years)s years")
            % {"percent": module["battery_percent"], "years": f"{module['battery_left_h'] / 8766:.1f}"},
        ),
    ]


def _link(seen: JsonMapping) -> tuple[str, str]:
    if not seen["reachable"]:
        said = _("unreachable")
    elif seen["linked"]:
        said = _("connected")
    else:
        said = _("none while asleep") if is_asleep(seen) else _("connecting")
    return _("Communication"), said


def display(serial: str, turn: int) -> Display:
    """Return the display's pages; `turn` counts the page changes and so selects the page shown."""
    try:
        found = control.request_fleet("display", serials=[serial])["displays"][serial]
    except control.ControlError:
        found = []
    shown = [(str(label), str(value), str(unit)) for label, value, unit in found]
    number = turn % len(shown) if shown else 0
    return Display(shown, shown[number] if shown else None, number)
