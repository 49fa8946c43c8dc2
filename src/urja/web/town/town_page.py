"""Content of the town's page.

What is *known* (balance, standing, loss) comes from the system's own books; what *is* (powered, bypassed, welded) from
the fleet, which no utility could ask. The page shows both beside each other on purpose.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from urja.apps.commissioning import queries as commissioning
from urja.apps.overviews.queries.grid import supplies
from urja.apps.readings.queries.overview import LOSS_LIMIT_PERCENT
from urja.apps.supply import queries as supply
from urja.apps.supply.queries import feed
from urja.web.console import wording as words
from urja.web.shared import formats
from urja.web.town import loop_picture
from urja.web.town.feed_rows import FeedRow, feed_rows
from urja.web.town.feeders import Feeder, feeders_of, gas_tiles
from urja.web.town.stations import midnight, stations_of
from urja.web.town.tiles import GAS, HouseTile
from urja.web.town.world import World, read_world

FEED_ROWS: Final = 14


@dataclass(frozen=True, slots=True)
class CommodityCard:
    """Figures of one commodity in words."""

    title: str
    rows: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TownPage:
    now: str
    away: str
    under_way: list[str]
    """What goes on now that a visitor would otherwise wonder at, in sentences."""
    commodities: list[CommodityCard]
    gas: list[HouseTile]
    ring_wide: SafeString
    ring_tall: SafeString
    feeders: list[Feeder]
    lines: list[FeedRow]
    loss_limit: int


def town(now: datetime) -> TownPage:
    """Return the live part of the town."""
    world = read_world()
    consumers = [house for house in supplies(now) if house.account_id is not None]
    standings = supply.standings(house.account_id for house in consumers if house.account_id is not None)
    feeders = feeders_of(consumers, world, standings, now)
    called = commissioning.called_meters()
    reconnect_ms = supply.paid_to_reconnected_wall_ms(now - timedelta(days=1))
    stations = stations_of(feeders, world, now, reconnect_ms, accounts=len(consumers), called=called)
    title = _("The chain, from meter reading to reconnection")
    return TownPage(
        now=formats.moment(now, now.date()),
        away=world.away,
        under_way=[*words.called_meters(called), *_failed_grid(feeders, world)],
        commodities=[_commodity(one) for one in feed.commodity_figures(midnight(now))],
        gas=gas_tiles(consumers, world, standings),
        ring_wide=loop_picture.wide(stations, title),
        ring_tall=loop_picture.tall(stations, title),
        feeders=feeders,
        lines=feed_rows(feed.newest_entries(FEED_ROWS), now),
        loss_limit=LOSS_LIMIT_PERCENT,
    )


def _failed_grid(feeders: list[Feeder], world: World) -> list[str]:
    """Return a sentence for each premise whose generator runs because the grid has failed."""
    names = {tile.serial: tile.name for one in feeders for row in one.transformers for tile in row.houses}
    return [
        _("The grid has failed at %(name)s: its generator supplies it, and counts on registers of its own.")
        % {"name": names[serial]}
        for serial, seen in world.houses.items()
        if seen.get("from_generator") and seen["outages"] and serial in names
    ]


def _commodity(figures: feed.CommodityFigures) -> CommodityCard:
    return CommodityCard(
        _("Gas") if figures.commodity == GAS else _("Electricity"),
        [
            (_("Meters"), formats.number(figures.meters)),
            (_("Sold"), formats.billed(figures.sold, figures.commodity)),
            (_("Collected today"), formats.money(figures.paid_minor)),
            (_("Balances"), formats.money(figures.balance_minor)),
        ],
    )


def feeder_names(now: datetime) -> list[str]:
    """Return the names of the feeders whose power can be cut."""
    return sorted({house.feeder for house in supplies(now) if house.feeder})
