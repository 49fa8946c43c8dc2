"""Feeders and transformers with their houses, load and losses; the supplies of gas beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from django.utils.translation import gettext as _

from urja.apps.overviews.queries.grid import Supply
from urja.apps.readings.queries.overview import NodeBalance, transformer_balance
from urja.apps.supply.queries import AccountStanding
from urja.base.untyped_values import JsonMapping
from urja.web.console import wording as words
from urja.web.shared import formats
from urja.web.shared.clock import zone
from urja.web.town.tiles import GAS, HouseTile, kilowatts, tile_of
from urja.web.town.world import World

LOSS_OVER: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class TransformerRow:
    """A transformer and its houses; `over` if its loss is above the limit."""

    code: str
    title: str
    load: str
    loss: str
    loss_detail: str
    measured: bool
    over: bool
    too_little: bool
    """Whether the energy is too little for a meaningful loss."""
    powered: int
    houses: list[HouseTile]


@dataclass(frozen=True, slots=True)
class Feeder:
    name: str
    title: str
    transformers: list[TransformerRow]


def feeders_of(
    consumers: Iterable[Supply], world: World, standings: Mapping[int, AccountStanding], now: datetime
) -> list[Feeder]:
    """Return the supplies of electricity by feeder and transformer."""
    consumers = [house for house in consumers if house.commodity != GAS]
    balances = {one.code: one for one in transformer_balance(now - LOSS_OVER, now)}
    found = []
    for feeder, of_feeder in groupby(consumers, key=lambda house: house.feeder):
        rows = []
        for code, of_transformer in groupby(of_feeder, key=lambda house: house.transformer):
            tiles = [
                tile_of(house, world.houses.get(house.serial, {}), standings.get(house.account_id or 0))
                for house in of_transformer
            ]
            rows.append(_row(code, tiles, balances.get(code), world.transformers.get(code, {})))
        title = _("Feeder %(name)s") % {"name": feeder} if feeder else _("No feeder recorded")
        found.append(Feeder(feeder, title, rows))
    return found


def gas_tiles(
    consumers: Iterable[Supply], world: World, standings: Mapping[int, AccountStanding]
) -> list[HouseTile]:
    """Return the supplies of gas: no transformer feeds them."""
    return [
        tile_of(house, world.houses.get(house.serial, {}), standings.get(house.account_id or 0))
        for house in consumers
        if house.commodity == GAS
    ]


def _row(code: str, tiles: list[HouseTile], balance: NodeBalance | None, seen: JsonMapping) -> TransformerRow:
    loss, detail, over = _loss(balance)
    return TransformerRow(
        code=code,
        title=transformer_title(code),
        load=kilowatts(seen["load_w"]) if seen else "",
        loss=loss,
        loss_detail=detail,
        measured=balance is not None and balance.metered and balance.loss_percent is not None,
        over=over,
        too_little=balance is not None and balance.metered and balance.too_little,
        powered=sum(tile.state == "powered" for tile in tiles),
        houses=tiles,
    )


def transformer_title(code: str) -> str:
    """Return how pages name a transformer."""
    return _("Transformer %(code)s") % {"code": code} if code else _("No transformer recorded")


def _loss(balance: NodeBalance | None) -> tuple[str, str, bool]:
    if balance is None or not balance.metered:
        return _("not metered"), _("It has no meter."), False
    percent = balance.loss_percent
    if percent is None or balance.known_to_at is None:
        return _("not known yet"), _("An interval is counted once all its meters have reported."), False
    detail = _("%(consumed)s of %(supplied)s kWh metered, up to %(time)s") % {
        "consumed": formats.kilowatt_hours(balance.consumed_wh),
        "supplied": formats.kilowatt_hours(balance.supplied_wh),
        "time": formats.clock_time(balance.known_to_at.astimezone(zone())),
    }
    return words.percent(percent), detail, balance.beyond_limits
