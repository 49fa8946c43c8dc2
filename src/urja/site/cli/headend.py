"""`urja headend` and `urja quarantine`: tools for engineers. Neither needs Django."""

import asyncio
import getpass
import json
import string
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec

from urja.base.ids import format_correlation
from urja.base.meter_address import (
    HdlcLinkAddress,
    MeterAddress,
    WrapperAddress,
    hdlc_link_address,
    parse_meter_address,
)
from urja.cosem.acse import Mechanism
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import Associations, DeviceType, unit_symbol
from urja.cosem.errors import CosemError, DecodeError
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.readings import plain
from urja.cosem.security import KEY_LENGTH, SuiteKeys
from urja.cosem.time import CosemDateTime
from urja.headend.apdu_channel import ANSWER_S, ApduChannel, WrapperChannel, dial
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.hdlc_channel import HdlcChannel, LinkConnection
from urja.headend.intake import ReplayAnswer
from urja.headend.invocation_counters import UnreservedCounters
from urja.headend.object_reading import Quantity, SingleValue, Table, find_class, read
from urja.headend.sealed_state import Seal, SealedState
from urja.headend.session import (
    READER_COUNTER,
    UTILITY_COUNTER,
    AssociationOpener,
    Client,
    open_session,
    random_title,
    utility_client,
)
from urja.headend.state_losses import StateKind, StateLoss, StateLosses
from urja.site.admin import Administration
from urja.site.cli.options import FiniteRange, data_option
from urja.site.cli.type_option import TypeParam
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.stream.broker import Broker, connect
from urja.stream.errors import BrokerUnavailableError, StreamError
from urja.stream.quarantine import Quarantined, Reason
from urja.stream.quarantine_store import StoredFrame
from urja.stream.subjects import POISON, REFUSED_ORDERS

_EXITS: Final = {
    FailureKind.UNREACHABLE: Exit.UNAVAILABLE,
    FailureKind.TIMEOUT: Exit.UNAVAILABLE,
    FailureKind.CUT: Exit.UNAVAILABLE,
    FailureKind.OURS: Exit.USAGE,
}
_ADVICE: Final = {
    FailureKind.UNREACHABLE: "is the meter (or its gateway) listening there?",
    FailureKind.TIMEOUT: "the meter accepts the connection and does not answer: check the client SAP (--client), and that it speaks DLMS",
    FailureKind.CUT: "the meter closed the connection: another client may be connected, or it needs another association (--client)",
    FailureKind.REFUSED: "see which client may read it (--client), and its class (--class)",
    FailureKind.WRONG_KEY: "check --guek, --gak and --system-title",
    FailureKind.PROTOCOL: "capture the exchange and give it to `urja decode`",
    FailureKind.BUSY: "try again",
    FailureKind.DISOBEYED: "try again",
    FailureKind.ELSEWHERE: "try again",
    FailureKind.OURS: "see --help",
}


class HexBytes(click.ParamType[bytes]):
    """A click type: bytes in hexadecimal, of a fixed length."""

    name = "hex"

    def __init__(self, size: int) -> None:
        self._size = size

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the bytes. Raises click.BadParameter with the number of bytes needed."""
        if isinstance(value, bytes):
            return value
        try:
            raw = bytes.fromhex(str(value))
        except ValueError:
            self.fail(f"{self._size} bytes in hexadecimal are needed", param, ctx)
        if len(raw) != self._size:
            self.fail(f"{self._size} bytes are needed, these are {len(raw)}", param, ctx)
        return raw


class ObisCode(click.ParamType[Obis]):
    """A click type: an OBIS code such as 1.0.1.8.0.255; the last group may be left out."""

    name = "obis"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Obis:
        """Return the value. Raises click.BadParameter for any other text."""
        if isinstance(value, Obis):
            return value
        text = str(value)
        try:
            return Obis.parse(text if text.count(".") == 5 else f"{text}.255")
        except CosemError as error:
            self.fail(str(error), param, ctx)


class LocalTime(click.ParamType[datetime]):
    """A click type: a date, or a date and time, without an offset from UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the value. Raises click.BadParameter for any other text."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("a date such as 2026-03-02, or 2026-03-02T09:30, is needed", param, ctx)
        if moment.tzinfo is not None:
            self.fail("give the meter's local time, without an offset", param, ctx)
        return moment


@click.group()
def headend() -> None:
    """Read any object of a meter; show lost states of head ends."""


@headend.command("read")
@click.option("--host", help="Address of a meter that listens on TCP (wrapper).")
@click.option("--port", default=4059, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--link", help="HDLC link, in place of --host: tcp://HOST:PORT or serial:/dev/ttyUSB0?baud=9600."
)
@click.option(
    "--address", "physical", type=int, help="With --link: the meter's physical address, 16 to 16381."
)
@click.option("--obis", required=True, type=ObisCode(), help="Logical name, such as 1.0.1.8.0.255.")
@click.option(
    "--class",
    "class_id",
    type=click.IntRange(0, 65535),
    help="Interface class. [default: found by the OBIS code]",
)
@click.option("--attribute", default=2, show_default=True, type=click.IntRange(-128, 127))
@click.option(
    "--from",
    "from_at",
    type=LocalTime(),
    help="Time of the first profile row, in the meter's local time.",
)
@click.option(
    "--to", "to_at", type=LocalTime(), help="Time of the last profile row, in the meter's local time."
)
@click.option(
    "--client",
    "client_sap",
    type=click.IntRange(1, 0xFFFF),
    help="Client SAP: 16 public, 32 reader (LLS), 48 utility (HLS-GMAC), or another client of the meter. "
    "Default: 48 with keys, 32 with a password alone, 16 with neither.",
)
@click.option("--guek", type=HexBytes(16), help="Global unicast encryption key.")
@click.option("--gak", type=HexBytes(16), help="Global authentication key.")
@click.option("--secret", help="Password (LLS), or HLS secret for a meter type that needs one.")
@click.option(
    "--invocation-counter",
    "first_counter",
    type=click.IntRange(0, 0xFFFF_FFFF),
    help="First invocation counter, for a meter whose public client does not give it.",
)
@click.option(
    "--system-title",
    type=HexBytes(8),
    help="Expected system title of the meter; the read is refused if another meter answers.",
)
@click.option(
    "--client-title",
    type=HexBytes(8),
    help="System title of this client. [default: random, so that no nonce of the head end is used again]",
)
@click.option(
    "--type",
    "device_type",
    type=TypeParam(),
    default="urja-d1",
    show_default=True,
    help="Meter type, or its folder: gives object names and the sign of the clock's deviation.",
)
@click.option(
    "--timeout",
    "timeout_s",
    default=ANSWER_S,
    show_default=True,
    type=FiniteRange(min=0.0, min_open=True),
    help="Timeout of one answer, in seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def read_command(
    *,
    host: str | None,
    port: int,
    link: str | None,
    physical: int | None,
    obis: Obis,
    class_id: int | None,
    attribute: int,
    from_at: datetime | None,
    to_at: datetime | None,
    client_sap: int | None,
    guek: bytes | None,
    gak: bytes | None,
    secret: str | None,
    first_counter: int | None,
    system_title: bytes | None,
    client_title: bytes | None,
    device_type: DeviceType,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Read one attribute of any object; a profile's buffer is shown as a table with units."""
    client = replace(
        _client(device_type.associations, client_sap, guek, gak, secret, client_title),
        first_counter=first_counter,
    )
    peer = AssociationOpener(client, UnreservedCounters(), "", system_title)
    window = _window(from_at, to_at, device_type.default_deviation_min)

    address = _meter_address(host, port, link, physical)

    async def work() -> SingleValue | Table:
        async with (
            _line_to(address, client.server_sap, timeout_s) as line,
            open_session(line, peer) as session,
        ):
            found = class_id if class_id is not None else await find_class(session, obis, device_type)
            return await read(session, CosemAttribute(found, obis, attribute), device_type, window)

    try:
        result = asyncio.run(work())
    except SessionFailedError as failure:
        code = _EXITS.get(failure.kind, Exit.FAILED)
        raise CommandError(code, f"{failure} ({_ADVICE[failure.kind]})") from None
    click.echo(_document(result) if as_json else _text(result))


def _meter_address(host: str | None, port: int, link: str | None, physical: int | None) -> MeterAddress:
    if (host is None) == (link is None):
        raise CommandError(
            Exit.USAGE,
            "give the meter's address: --host, or --link with --address for a meter behind an HDLC link",
        )
    if host is not None:
        if physical is not None:
            raise CommandError(Exit.USAGE, "--address is for a meter behind a --link")
        return WrapperAddress(host, port)
    assert link is not None
    try:
        return parse_meter_address(hdlc_link_address(link, physical))
    except ValueError as error:
        raise CommandError(Exit.USAGE, str(error)) from None


@asynccontextmanager
async def _line_to(address: MeterAddress, server_sap: int, answer_s: float) -> AsyncIterator[ApduChannel]:
    if isinstance(address, HdlcLinkAddress):
        way = await LinkConnection.open(address.link)
        try:
            async with HdlcChannel(way, address, server_sap, answer_s) as hdlc_line:
                yield hdlc_line
        finally:
            way.close()
        return
    connection = await dial(address.host, address.port)
    try:
        with WrapperChannel(connection, server_sap, answer_s) as line:
            yield line
    finally:
        connection.close()


def _client(
    saps: Associations,
    sap: int | None,
    guek: bytes | None,
    gak: bytes | None,
    secret: str | None,
    title: bytes | None,
) -> Client:
    if (guek is None) != (gak is None):
        raise CommandError(Exit.USAGE, "give both keys, --guek and --gak, or neither")
    keys = None if guek is None else SuiteKeys(guek, gak)
    # The counters come from the meter. Under the head end's title a nonce could be used twice, which breaks GCM.
    title = title or random_title()
    if sap is None:
        sap = saps.utility_sap if keys else saps.public_sap if secret is None else saps.reader_sap
    counters = {saps.reader_sap: READER_COUNTER, saps.utility_sap: UTILITY_COUNTER}
    fixed = replace(utility_client(saps, title), sap=sap, keys=keys, counter_obis=counters.get(sap))
    if sap == saps.public_sap:
        return replace(fixed, mechanism=Mechanism.NONE, keys=None)
    if sap == saps.utility_sap and saps.needs_secret and keys is not None:
        return replace(fixed, secret=_hls_secret(secret))
    if secret is not None:
        # Meters outside IS 15959-2 take a password in an association without ciphering.
        return replace(fixed, mechanism=Mechanism.LLS, secret=secret.encode())
    if sap == saps.reader_sap:
        raise CommandError(Exit.USAGE, f"client {sap} needs the meter's password: --secret")
    if keys is None:
        if sap == saps.utility_sap:
            raise CommandError(Exit.USAGE, f"client {sap} needs the meter's keys: --guek and --gak")
        return replace(fixed, mechanism=Mechanism.NONE)
    return replace(fixed, mechanism=Mechanism.HLS_GMAC)


def _hls_secret(text: str | None) -> bytes:
    if text is not None and len(text) == KEY_LENGTH and text.isascii():
        return text.encode()
    try:
        found = bytes.fromhex(text or "")
    except ValueError:
        found = b""
    if len(found) != KEY_LENGTH:
        needed = f"{KEY_LENGTH} characters, or {2 * KEY_LENGTH} hexadecimal digits"
        raise CommandError(Exit.USAGE, f"this meter type needs an HLS secret: give --secret, {needed}")
    return found


def _window(
    from_at: datetime | None, to_at: datetime | None, deviation_min: int
) -> tuple[datetime, datetime] | None:
    if from_at is None and to_at is None:
        return None
    if from_at is None or to_at is None:
        raise CommandError(Exit.USAGE, "a range needs both ends: --from and --to")
    zone = timezone(timedelta(minutes=deviation_min))
    first, last = from_at.replace(tzinfo=zone), to_at.replace(tzinfo=zone)
    if last < first:
        raise CommandError(Exit.USAGE, f"the range ends ({to_at}) before it begins ({from_at})")
    return first.astimezone(UTC), last.astimezone(UTC)


# --- showing ------------------------------------------------------------------------------------------------


def _facts(quantity: Quantity) -> dict[str, object]:
    attribute = quantity.attribute
    return {
        "obis": str(attribute.obis),
        "class_id": attribute.class_id,
        "attribute": attribute.attribute,
        "name": quantity.name,
        "scaler": quantity.scaler,
        "unit": None if quantity.unit is None else unit_symbol(quantity.unit),
    }


def _cell(quantity: Quantity, value: Data) -> object:
    """Return a JSON value: scaled where a scaler is known, clocks in ISO 8601, else as `urja decode` prints it."""
    scaled = quantity.scaled(value)
    if scaled is not None:
        return int(scaled) if scaled == scaled.to_integral_value() else float(scaled)
    clock = _clock(value)
    return plain(value) if clock is None else _clock_text(clock, "T")


def _document(result: SingleValue | Table) -> str:
    if isinstance(result, SingleValue):
        document = _facts(result.quantity) | {
            "value": _cell(result.quantity, result.value),
            "raw": plain(result.value),
            "type": result.value.tag.name.lower(),
        }
    else:
        document = _facts(result.profile) | {
            "columns": [_facts(column) for column in result.columns],
            "rows": [
                [_cell(column, value) for column, value in zip(result.columns, row, strict=True)]
                for row in result.rows
            ],
        }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _text(result: SingleValue | Table) -> str:
    if isinstance(result, SingleValue):
        quantity = result.quantity
        unit = "" if quantity.unit is None else f" {unit_symbol(quantity.unit)}"
        head = f"{quantity.attribute.obis} class {quantity.attribute.class_id} attribute {quantity.attribute.attribute}"
        name = f"  {quantity.name}" if quantity.name else ""
        return f"{head}{name}\n  {_shown(quantity, result.value)}{unit}"
    title = f"{result.profile.attribute.obis}  {result.profile.name}".rstrip()
    if len(result.rows) == 1:
        # A single row with many columns is more readable as a list.
        pairs = zip(result.columns, result.rows[0], strict=True)
        return "\n".join([title, *(_line_of(column, value) for column, value in pairs)])
    heads = [_heading(column) for column in result.columns]
    body = [
        [_shown(column, value) for column, value in zip(result.columns, row, strict=True)]
        for row in result.rows
    ]
    rows = [[head[line] for head in heads] for line in range(3)] + body
    widths = [max(len(row[index]) for row in rows) for index in range(len(heads))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(3, "  ".join("-" * width for width in widths))
    count = f"{len(body)} row{'' if len(body) == 1 else 's'}"
    return "\n".join([f"{title}: {count}", *lines])


def _line_of(quantity: Quantity, value: Data) -> str:
    name, obis, unit = _heading(quantity)
    return f"  {obis:<16} {_shown(quantity, value):>20} {unit.strip('[]'):<5} {name}".rstrip()


def _heading(quantity: Quantity) -> tuple[str, str, str]:
    """Return name, OBIS code and unit, for three lines of a column's head."""
    unit = "" if quantity.unit is None else unit_symbol(quantity.unit)
    obis = str(quantity.attribute.obis).removesuffix(".255")
    if quantity.attribute.attribute != 2:
        obis = f"{obis}#{quantity.attribute.attribute}"
    return quantity.name, obis, f"[{unit}]" if unit else ""


def _shown(quantity: Quantity, value: Data) -> str:
    scaled = quantity.scaled(value)
    if scaled is not None:
        return str(scaled)
    clock = _clock(value)
    if clock is not None:
        return _clock_text(clock, " ")
    if value.tag is Tag.OCTET_STRING:
        return _octets(value.value)
    if value.tag is Tag.NULL:
        return "-"
    shown = plain(value)
    return json.dumps(shown, ensure_ascii=False) if isinstance(shown, (list, dict)) else str(shown)


def _octets(raw: bytes) -> str:
    text = raw.decode("ascii", "replace")
    return text if raw and set(text) <= set(string.printable[:95]) else raw.hex()


def _clock(value: Data) -> CosemDateTime | None:
    """Return the date-time of a value, given as such or as twelve octets (IEC 62056-6-2); None for other values."""
    if isinstance(value.value, CosemDateTime):
        return value.value
    if value.tag is not Tag.OCTET_STRING or len(value.value) != 12:
        return None
    clock = CosemDateTime.from_bytes(value.value)
    try:
        clock.to_utc(default_deviation_min=0)
    except DecodeError:
        return None
    return clock


def _clock_text(clock: CosemDateTime, separator: str) -> str:
    """Return the local time as the meter shows it, without its deviation from UTC."""
    return str(clock).replace(" ", separator)


# --- losses -------------------------------------------------------------------------------------------------


@headend.command("losses")
@data_option
@click.option("--acknowledge", is_flag=True, help="End the alarm, after its cause was found.")
def losses_command(*, data: Path, acknowledge: bool) -> None:
    """Show stored states of head ends that could not be read: counters, order records, meters by system title.

    The head ends have started these states again, safely. Only head ends write them: the broker's store was damaged, or
    the password of a broker user is known to others (docs/operations.md, What cannot be read).
    """
    box = Administration.of(data)

    async def work(broker: Broker) -> dict[StateKind, StateLoss]:
        losses = StateLosses(SealedState(broker, Seal(box.seal_key)), box.clock)
        if acknowledge:
            return await losses.clear()
        await losses.refresh()
        return losses.found

    found = _with_broker_of(box, work)
    if not found:
        click.echo("Nothing was lost.")
    for what, loss in found.items():
        click.echo("  ".join([loss.sentence(what), *loss.names]))
    if found and acknowledge:
        click.echo("The alarm is acknowledged and ends within seconds.")


# --- quarantine -----------------------------------------------------------------------------------------------


_REASONS: Final = click.Choice(get_args(Reason))
_source_option = click.option(
    "--source",
    help="Only frames of this source: a network, an address in it, a wider network, or `poison` or `orders`.",
)
_title_option = click.option(
    "--title", type=HexBytes(8), help="Only frames of the meter with this system title."
)
_reason_option = click.option("--reason", type=_REASONS, help="Only frames with this reason.")


@dataclass(frozen=True, slots=True)
class _Choice:
    """The frames that the options of a command select."""

    source: str | None = None
    title: bytes | None = None
    reason: str | None = None
    before: datetime | None = None

    def __bool__(self) -> bool:
        return any(one is not None for one in (self.source, self.title, self.reason, self.before))

    def has(self, item: Quarantined) -> bool:
        """Return whether the options select a frame."""
        return (
            (self.source is None or _covers(self.source, item.source))
            and (self.title is None or item.title == self.title.hex())
            and (self.reason is None or item.reason == self.reason)
            and (self.before is None or item.received_at_ms < self.before.timestamp() * 1000)
        )

    def __str__(self) -> str:
        said = {
            "source": self.source,
            "title": self.title and self.title.hex(),
            "reason": self.reason,
            "before": self.before and self.before.isoformat(),
        }
        return ", ".join(f"{name} {value}" for name, value in said.items() if value) or "everything"


def _covers(given: str, source: str) -> bool:
    """Return whether a source is the given one or lies in the same network; an address or wider network may be given."""
    if given == source:
        return True
    try:
        wanted, own = ip_network(given, strict=False), ip_network(source)
    except ValueError:
        return False
    return wanted.version == own.version and wanted.overlaps(own)


@click.group()
def quarantine() -> None:
    """List, show, replay and purge frames in the head ends' quarantine."""


def _with_broker[T](data: Path, work: Callable[[Broker], Coroutine[object, object, T]]) -> T:
    return _with_broker_of(Administration.of(data), work)


def _with_broker_of[T](box: Administration, work: Callable[[Broker], Coroutine[object, object, T]]) -> T:
    access = box.secrets

    async def run() -> T:
        broker = await connect(
            access.broker_url, access.broker_user, access.broker_password, "administrator", 5.0
        )
        try:
            return await work(broker)
        finally:
            await broker.close()

    try:
        return asyncio.run(run())
    except BrokerUnavailableError as error:
        raise CommandError(Exit.UNAVAILABLE, f"{error}: is Urja running?") from None
    except StreamError as error:
        raise CommandError(Exit.FAILED, str(error)) from None


async def _kept(broker: Broker, choice: _Choice = _Choice()) -> list[StoredFrame]:
    return [kept async for kept in broker.quarantined() if choice.has(kept.item)]


@quarantine.command("list")
@data_option
@_source_option
@_title_option
@_reason_option
@click.option("--json", "as_json", is_flag=True)
def list_command(
    *, data: Path, source: str | None, title: bytes | None, reason: str | None, as_json: bool
) -> None:
    """List quarantined frames, oldest first within each state."""
    kept = _with_broker(data, lambda broker: _kept(broker, _Choice(source, title, reason)))
    if as_json:
        click.echo(json.dumps([_facts_of(one) for one in kept], indent=2, ensure_ascii=False))
        return
    for one in kept:
        item = one.item
        click.echo(
            f"{one.name:>7}  {_at(item.received_at_ms)}  {item.reason:<14}  {item.title or '-':<16}  "
            f"{len(item.frame):>5} bytes  {item.source}  {item.peer}  {item.detail}"
        )
    click.echo(f"{_frames(len(kept))} in quarantine", err=True)


@quarantine.command("show")
@data_option
@click.argument("name")
@click.option("--json", "as_json", is_flag=True)
def show_command(*, data: Path, name: str, as_json: bool) -> None:
    """Show the frame NAME of `list` with its bytes, for `urja decode`."""
    facts = _facts_of(_one(_with_broker(data, _kept), name))
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for key, value in facts.items():
        click.echo(f"{key:<12} {value}")


@quarantine.command("replay")
@data_option
@click.argument("names", nargs=-1)
@_source_option
@_title_option
@click.option("--all", "everything", is_flag=True, help="All frames that came from a meter.")
def replay_command(
    *, data: Path, names: tuple[str, ...], source: str | None, title: bytes | None, everything: bool
) -> None:
    """Process frames again, as if they had just arrived; accepted frames leave the quarantine.

    Select frames by the NAMES of `list`, by their source, or by their meter (one that was adopted since). Exits with 1
    if the head end refused one of them again.
    """
    choice = _Choice(source, title)
    if not names and not choice and not everything:
        raise CommandError(
            Exit.USAGE, "select frames: by names of urja quarantine list, --title, --source, or --all"
        )

    async def work(broker: Broker) -> list[tuple[StoredFrame, ReplayAnswer]]:
        chosen = await _kept(broker, choice)
        if names:
            chosen = [_one(chosen, name) for name in names]
        answers = []
        for one in chosen:
            if one.item.source in (POISON, REFUSED_ORDERS):
                continue
            answer = msgspec.json.decode(await broker.replay(one.item), type=ReplayAnswer)
            if answer.outcome != "refused":
                await broker.drop_quarantined([one])
            answers.append((one, answer))
        return answers

    answers = _with_broker(data, work)
    if not answers:
        click.echo(f"No frame with {choice} is in quarantine to replay.")
    for one, answer in answers:
        why = f": {answer.reason} {answer.detail}".rstrip() if answer.reason or answer.detail else ""
        click.echo(f"{one.name:>7}  {answer.outcome}{why}")
    if any(answer.outcome == "refused" for _, answer in answers):
        raise SystemExit(Exit.FAILED)


@quarantine.command("purge")
@data_option
@_source_option
@_title_option
@_reason_option
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]),
    help="Only frames received before this date or time (UTC, as in `list`).",
)
@click.option("--all", "everything", is_flag=True, help="All frames.")
@click.option("--yes", is_flag=True, help="Delete; without it the number of selected frames is printed.")
def purge_command(
    *,
    data: Path,
    source: str | None,
    title: bytes | None,
    reason: str | None,
    before: datetime | None,
    everything: bool,
    yes: bool,
) -> None:
    """Delete frames permanently: those that match all given options. The deletion is logged."""
    choice = _Choice(source, title, reason, before and before.replace(tzinfo=UTC))
    if bool(choice) == everything:
        raise CommandError(Exit.USAGE, "select frames: --source, --title, --reason, --before, or --all")
    chosen = _with_broker(data, lambda broker: _kept(broker, choice))
    if not chosen:
        click.echo(f"No frame with {choice} is in quarantine.")
        return
    if not yes:
        for (standing, found), count in sorted(_counted(chosen).items()):
            click.echo(f"{count:>7}  {standing:<8}  {found}")
        raise CommandError(
            Exit.USAGE, f"{_frames(len(chosen))} would be deleted permanently: give --yes to delete them"
        )
    dropped = _with_broker(data, lambda broker: broker.drop_quarantined(chosen))
    _log_purge(data, choice, dropped, chosen)
    click.echo(f"{_frames(dropped)} deleted ({choice})")


def _counted(chosen: list[StoredFrame]) -> Counter[tuple[str, str]]:
    return Counter((one.item.standing, one.item.source) for one in chosen)


def _log_purge(data: Path, choice: _Choice, dropped: int, chosen: list[StoredFrame]) -> None:
    """Write one line beside the processes' logs: the deleted frames, and the user who deleted them."""
    line = {
        "at": datetime.now(UTC).isoformat(),
        "process": "urja quarantine",
        "event": "quarantine purged",
        "by": getpass.getuser(),
        "choice": str(choice),
        "frames": dropped,
        "sources": {f"{standing} {source}": count for (standing, source), count in _counted(chosen).items()},
    }
    with (DataDirectory(data).logs / "quarantine.log").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line, ensure_ascii=False) + "\n")


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _one(kept: list[StoredFrame], name: str) -> StoredFrame:
    for one in kept:
        if one.name == name:
            return one
    raise CommandError(Exit.USAGE, f"no frame {name} is in quarantine: see urja quarantine list")


def _facts_of(one: StoredFrame) -> dict[str, object]:
    item = one.item
    return {
        "name": one.name,
        "received_at": _at(item.received_at_ms),
        "standing": item.standing,
        "reason": item.reason,
        "detail": item.detail,
        "source": item.source,
        "title": item.title,
        "peer": item.peer,
        "correlation": format_correlation(item.correlation),
        "frame": item.frame.hex(),
    }


def _at(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(" ", "milliseconds")
