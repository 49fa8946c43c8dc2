"""The chain from meter to relay, as stations of its picture."""

from datetime import datetime
from statistics import median

from django.utils.translation import gettext as _, ngettext

from urja.apps.supply.queries import feed
from urja.web.shared import formats
from urja.web.shared.clock import zone
from urja.web.town import loop_picture
from urja.web.town.feeders import Feeder
from urja.web.town.tiles import is_asleep
from urja.web.town.world import World


def stations_of(
    feeders: list[Feeder], world: World, now: datetime, reconnect_ms: list[int], *, accounts: int, called: int
) -> list[loop_picture.Station]:
    """Return the stations; `accounts` are all accounts of consumers, `called` the meters that are being commissioned."""
    figures = feed.platform_figures(midnight(now))
    tiles = [tile for feeder in feeders for row in feeder.transformers for tile in row.houses]
    powered, unpowered = (sum(tile.state == state for tile in tiles) for state in ("powered", "unpowered"))
    status = world.status
    # A sleeping module has no connection, and need have none.
    asleep = sum(is_asleep(house) and not house["linked"] for house in world.houses.values())
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
        return _("%(n)d off; reconnect %(s)s s") % {"n": unpowered, "s": _seconds(median(reconnect_ms))}
    return _("%(n)d off") % {"n": unpowered}


def midnight(now: datetime) -> datetime:
    """Return the midnight before `now`, in its zone."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _seconds(milliseconds: float) -> str:
    """Return milliseconds as seconds with one decimal: `4.2`."""
    return f"{milliseconds / 1000:.1f}"
