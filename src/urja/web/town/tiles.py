"""A house, or the gas of one, as the town's pages show it: its balance from the books, its power from the fleet."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from urja.apps.overviews.queries.grid import Supply
from urja.apps.supply.queries import AccountStanding
from urja.base.untyped_values import JsonMapping
from urja.web.console import wording as words
from urja.web.shared import formats

GAS: Final = "gas"


@dataclass(frozen=True, slots=True)
class HouseTile:
    """One house, or the gas of one. `state` is `powered` (of gas: the valve is open), `unpowered` or `unknown`; `why` is the
    reason in words.
    """

    serial: str
    name: str
    href: str
    state: str
    why: str
    balance: str
    low: bool
    marks: list[str]


def tile_of(house: Supply, seen: JsonMapping, standing: AccountStanding | None) -> HouseTile:
    """Return the tile of a house: `seen` is its true state, `standing` what the books say."""
    return HouseTile(
        serial=house.serial,
        name=words.service_point_name(house.premise, house.consumer_number),
        href=reverse("town:house", args=[house.serial]),
        state=_power(seen),
        why=_why(house.commodity, seen, standing),
        balance="" if standing is None else formats.money(standing.balance_minor),
        low=standing is not None and standing.standing != "fine",
        marks=_marks(seen),
    )


def _power(seen: JsonMapping) -> str:
    if not seen:
        return "unknown"
    return "powered" if seen["supplied"] else "unpowered"


def _why(commodity: str, seen: JsonMapping, standing: AccountStanding | None) -> str:
    if not seen:
        return _("unknown")
    if not seen["powered"]:
        return _("no power")
    if not seen["supplied"]:
        return switch_state(commodity, seen)
    if standing:
        return words.account_state(standing.standing)
    return _("valve open") if commodity == GAS else _("powered")


def switch_state(commodity: str, seen: JsonMapping) -> str:
    """Return in words why a relay or valve is open, or that a person may close it."""
    if seen["control_state"] == 2:
        return _("press the button")
    return _("valve closed") if commodity == GAS else _("disconnected")


def _marks(seen: JsonMapping) -> list[str]:
    """Return facts that are visible at the house but not to the utility, such as a bypass wire."""
    if not seen:
        return []
    marks = [
        (bool(seen["hook_w"]), _("bypass wire")),
        (bool(seen["tampers"]), _("tamper")),
        (bool(seen["welded"]), _("welded relay")),
        (not seen["reachable"], _("no communication")),
        (bool(seen["exporting_w"]), _("solar")),
        (bool(seen.get("from_generator")), _("on its generator")),
        (is_asleep(seen), _("asleep")),
    ]
    return [word for applies, word in marks if applies]


def is_asleep(seen: JsonMapping) -> bool:
    """Return whether it is a meter on a battery whose module sleeps by its plan."""
    module = seen.get("module")
    return module is not None and not module["awake"]


def kilowatts(watts: int) -> str:
    """Return watts as kW: `-3020` is `−3.02 kW`; export is negative."""
    return f"{watts / 1000:.2f} kW".replace("-", formats.MINUS)
