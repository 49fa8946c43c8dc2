"""Content of the town's pages, from the apps' queries and the demonstration's control.

What is *known* (balance, standing, loss) comes from the system's own books; what *is* (powered, bypassed, welded) from
the fleet, which no utility could ask. The page shows both beside each other on purpose.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import Final

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext

from urja.apps.commissioning import queries as commissioning
from urja.apps.overviews.queries.grid import Supply, supplies
from urja.apps.readings.queries.overview import LOSS_LIMIT_PERCENT, NodeBalance, transformer_balance
from urja.apps.supply import queries as supply
from urja.apps.supply.queries import AccountStanding, feed
from urja.base.untyped_values import JsonMapping, JsonObject
from urja.web.console import wording as words
from urja.web.shared import formats
from urja.web.shared.clock import zone
from urja.web.town import control, loop_picture, wording
from urja.web.town.actions import Kind

GAS: Final = "gas"
LOSS_OVER: Final = timedelta(hours=2)
FEED_ROWS: Final = 14
HISTORY_ROWS: Final = 60


# -- the world as it is ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class World:
    """State reported by the demonstration's control; empty if it does not answer."""

    houses: Mapping[str, JsonMapping]
    transformers: Mapping[str, JsonMapping]
    status: JsonMapping
    processes: Mapping[str, JsonMapping]
    gateway: str
    """What the gateway leaves out: `none`, `webhooks` or `everything`; empty without a gateway."""
    away: str = ""


def read_world() -> World:
    """Return the demonstration's whole state, in one connection."""
    orders: list[JsonObject] = [
        {"do": "fleet", "order": {"do": "houses"}},
        {"do": "fleet", "order": {"do": "transformers"}},
        {"do": "fleet", "order": {"do": "status"}},
        {"do": "processes"},
        {"do": "gateway", "what": "state"},
    ]
    try:
        houses, transformers, status, processes, gateway = map(_answer, control.request_all(orders))
    except control.ControlUnavailableError as error:
        return World({}, {}, {}, {}, "", away=str(error))
    return World(
        {house["serial"]: house for house in houses.get("houses", ())},
        {one["id"]: one for one in transformers.get("transformers", ())},
        status,
        processes.get("processes", {}),
        gateway.get("gateway", {}).get("muting", ""),
    )


def _answer(answer: JsonObject | control.ControlRefusedError) -> JsonObject:
    """Return an answer, or an empty one if it was refused: the rest of the page is still shown."""
    return {} if isinstance(answer, control.ControlRefusedError) else answer


# -- houses ------------------------------------------------------------------------------------------------


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


def _tile(house: Supply, seen: JsonMapping, standing: AccountStanding | None) -> HouseTile:
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
        return _switch_state(commodity, seen)
    if standing:
        return words.account_state(standing.standing)
    return _("valve open") if commodity == GAS else _("powered")


def _switch_state(commodity: str, seen: JsonMapping) -> str:
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
        (_is_asleep(seen), _("asleep")),
    ]
    return [word for applies, word in marks if applies]


def _is_asleep(seen: JsonMapping) -> bool:
    """Return whether it is a meter on a battery whose module sleeps by its plan."""
    module = seen.get("module")
    return module is not None and not module["awake"]


# -- transformers ------------------------------------------------------------------------------------------


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


def _transformer_title(code: str) -> str:
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


def _row(code: str, tiles: list[HouseTile], balance: NodeBalance | None, seen: JsonMapping) -> TransformerRow:
    loss, detail, over = _loss(balance)
    return TransformerRow(
        code=code,
        title=_transformer_title(code),
        load=_kilowatts(seen["load_w"]) if seen else "",
        loss=loss,
        loss_detail=detail,
        measured=balance is not None and balance.metered and balance.loss_percent is not None,
        over=over,
        too_little=balance is not None and balance.metered and balance.too_little,
        powered=sum(tile.state == "powered" for tile in tiles),
        houses=tiles,
    )


def _gas_tiles(
    consumers: Iterable[Supply], world: World, standings: Mapping[int, AccountStanding]
) -> list[HouseTile]:
    """Return the supplies of gas: no transformer feeds them."""
    return [
        _tile(house, world.houses.get(house.serial, {}), standings.get(house.account_id or 0))
        for house in consumers
        if house.commodity == GAS
    ]


def _feeders(
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
                _tile(house, world.houses.get(house.serial, {}), standings.get(house.account_id or 0))
                for house in of_transformer
            ]
            rows.append(_row(code, tiles, balances.get(code), world.transformers.get(code, {})))
        title = _("Feeder %(name)s") % {"name": feeder} if feeder else _("No feeder recorded")
        found.append(Feeder(feeder, title, rows))
    return found


# -- what flows by -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One event in the list of events."""

    time: str
    kind: str
    text: str
    place: str
    href: str


def _feed_rows(seen: Iterable[feed.FeedEntry], now: datetime) -> list[FeedRow]:
    return [
        FeedRow(
            time=_when(one.at.astimezone(zone()), now),
            kind=one.kind,
            text=wording.happening(one),
            place=one.place or one.serial,
            href=reverse("town:house", args=[one.serial]) if one.serial else "",
        )
        for one in seen
    ]


def _when(at: datetime, now: datetime) -> str:
    """Return the clock time for today, else day and time."""
    return formats.clock_time(at) if at.date() == now.date() else formats.moment(at, now.date())


# -- the loop ----------------------------------------------------------------------------------------------


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _ring(
    feeders: list[Feeder], world: World, now: datetime, reconnect_ms: list[int], *, accounts: int, called: int
) -> list[loop_picture.Station]:
    """Return the stations; `accounts` are all accounts of consumers, `called` the meters that are being commissioned."""
    figures = feed.platform_figures(_midnight(now))
    tiles = [tile for feeder in feeders for row in feeder.transformers for tile in row.houses]
    powered, unpowered = (sum(tile.state == state for tile in tiles) for state in ("powered", "unpowered"))
    status = world.status
    # A sleeping module has no connection, and need have none.
    asleep = sum(_is_asleep(house) and not house["linked"] for house in world.houses.values())
    return [
        loop_picture.Station(
            "meters",
            _("Meters"),
            f"{status['linked']}/{status['meters']}" if status else "?",
            _("connected, %(n)d asleep") % {"n": asleep} if asleep else _("connected"),
            ill=bool(status) and status["linked"] + asleep < status["meters"],
        ),
        _process("headend", _("Head end"), world, _("receives meter data")),
        _process("pipeline", _("Pipeline"), world, _readings_note(figures.readings_at, called)),
        loop_picture.Station(
            "ledger",
            _("Ledger"),
            formats.number(figures.postings),
            ngettext("entry posted", "entries posted", figures.postings),
        ),
        loop_picture.Station(
            "page",
            _("Balances"),
            formats.number(accounts),
            ngettext("account with a balance", "accounts with a balance", accounts),
        ),
        loop_picture.Station(
            "payment",
            _("Payment"),
            formats.money(figures.paid_minor),
            _gateway_note(world.gateway, figures.payments),
            ill=world.gateway in {"webhooks", "everything"},
        ),
        loop_picture.Station(
            "command",
            _("Command"),
            str(figures.under_way),
            _("pending: commissioning")
            if called and figures.under_way
            else _("pending, %(n)d done today") % {"n": figures.carried_out},
        ),
        loop_picture.Station(
            "relay", _("Relay"), _("%(n)d powered") % {"n": powered}, _relay_note(unpowered, reconnect_ms)
        ),
    ]


def _process(name: str, title: str, world: World, note: str) -> loop_picture.Station:
    child = world.processes.get(name)
    if child is None:
        return loop_picture.Station(name, title, "?", note)
    runs = child["state"] == "ready"
    figure = _("running") if runs else _("restarting")
    if child["restarts"]:
        note = ngettext("killed %(n)d time", "killed %(n)d times", child["restarts"]) % {
            "n": child["restarts"]
        }
    return loop_picture.Station(name, title, figure, note, ill=not runs)


def _readings_note(readings_at: datetime | None, called: int) -> str:
    if readings_at is None:
        return _("meters not in service yet") if called else _("no interval over yet")
    return _("readings to %(time)s") % {"time": formats.clock_time(readings_at.astimezone(zone()))}


def _gateway_note(muting: str, payments: int) -> str:
    if muting in {"webhooks", "everything"}:
        return _("gateway not answering")
    return ngettext("%(n)d payment today", "%(n)d payments today", payments) % {"n": payments}


def _relay_note(unpowered: int, reconnect_ms: list[int]) -> str:
    if reconnect_ms:
        return _("%(n)d off; reconnect %(s)s s") % {"n": unpowered, "s": seconds(median(reconnect_ms))}
    return _("%(n)d off") % {"n": unpowered}


def seconds(milliseconds: float) -> str:
    """Return milliseconds as seconds with one decimal: `4.2`."""
    return f"{milliseconds / 1000:.1f}"


# -- pages -------------------------------------------------------------------------------------------------


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
    feeders = _feeders(consumers, world, standings, now)
    called = commissioning.called_meters()
    reconnect_ms = supply.paid_to_reconnected_wall_ms(now - timedelta(days=1))
    stations = _ring(feeders, world, now, reconnect_ms, accounts=len(consumers), called=called)
    title = _("The chain, from meter reading to reconnection")
    return TownPage(
        now=formats.moment(now, now.date()),
        away=world.away,
        under_way=[*words.called_meters(called), *_failed_grid(feeders, world)],
        commodities=[_commodity(one) for one in feed.commodity_figures(_midnight(now))],
        gas=_gas_tiles(consumers, world, standings),
        ring_wide=loop_picture.wide(stations, title),
        ring_tall=loop_picture.tall(stations, title),
        feeders=feeders,
        lines=_feed_rows(feed.newest_entries(FEED_ROWS), now),
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
        transformer=_("Piped gas") if found.commodity == GAS else _transformer_title(found.transformer),
        load_switch=found.load_switch,
        kind=_kind(found),
    )


def _kind(house: Supply) -> Kind:
    if house.commodity == GAS:
        return "gas"
    return "electricity" if _seen(house.serial)[1].get("from_generator") is None else "generator"


@dataclass(frozen=True, slots=True)
class HousePage:
    """The live part of a house's page."""

    serial: str
    tile: HouseTile
    facts: list[tuple[str, str]]
    reason: str
    lines: list[FeedRow]
    away: str


def house(serial: str, now: datetime) -> HousePage | None:
    """Return what the system knows of a house, the true state of its meter, and its history; None without a consumer."""
    found = next((one for one in supplies(now, serial) if one.account_id is not None), None)
    if found is None or found.account_id is None:
        return None
    away, seen = _seen(serial)
    standing = supply.standing(found.account_id)
    return HousePage(
        serial=serial,
        tile=_tile(found, seen, standing),
        facts=_facts(found, seen),
        reason="" if standing is None else words.reason(standing.reason, now),
        lines=_feed_rows(feed.newest_entries(HISTORY_ROWS, found.service_point_id), now),
        away=away,
    )


def _seen(serial: str) -> tuple[str, JsonMapping]:
    try:
        houses = control.request_fleet("houses", serials=[serial])["houses"]
    except control.ControlError as error:
        return str(error), {}
    return "", houses[0]


def _kilowatts(watts: int) -> str:
    """Return watts as kW: `-3020` is `−3.02 kW`; export is negative."""
    return f"{watts / 1000:.2f} kW".replace("-", formats.MINUS)


def _facts(house: Supply, seen: JsonMapping) -> list[tuple[str, str]]:
    if not seen:
        return []
    return [*(_gas_facts(seen) if house.commodity == GAS else _electric_facts(house, seen)), _link(seen)]


def _electric_facts(house: Supply, seen: JsonMapping) -> list[tuple[str, str]]:
    relay = _("closed") if seen["output"] else _switch_state(house.commodity, seen)
    facts = [(_("Load now"), _kilowatts(seen["active_w"] - seen["exporting_w"]))]
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
        (_("Valve"), _("open") if seen["output"] else _switch_state(GAS, seen)),
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
        said = _("none while asleep") if _is_asleep(seen) else _("connecting")
    return _("Communication"), said


@dataclass(frozen=True, slots=True)
class Display:
    """A meter's display: the page shown now, and all pages; empty while the display is off."""

    pages: list[tuple[str, str, str]]
    shown: tuple[str, str, str] | None
    number: int


def display(serial: str, turn: int) -> Display:
    """Return the display's pages; `turn` counts the page changes and so selects the page shown."""
    try:
        found = control.request_fleet("display", serials=[serial])["displays"][serial]
    except control.ControlError:
        found = []
    shown = [(str(label), str(value), str(unit)) for label, value, unit in found]
    number = turn % len(shown) if shown else 0
    return Display(shown, shown[number] if shown else None, number)
