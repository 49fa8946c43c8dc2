"""`urja headend`: tools for engineers, without Django."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import click

from urja.base.meter_address import (
    HdlcLinkAddress,
    MeterAddress,
    WrapperAddress,
    hdlc_link_address,
    parse_meter_address,
)
from urja.cosem.acse import Mechanism
from urja.cosem.companion import Associations, DeviceType
from urja.cosem.errors import CosemError
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.security import KEY_LENGTH, SuiteKeys
from urja.headend.apdu_channel import ANSWER_S, ApduChannel, WrapperChannel, dial
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.hdlc_channel import HdlcChannel, LinkConnection
from urja.headend.invocation_counters import UnreservedCounters
from urja.headend.object_reading import SingleValue, Table, find_class, read
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
from urja.site.broker_access import with_broker
from urja.site.cli.object_text import as_json_document, as_text
from urja.site.cli.options import FiniteRange, HexBytes, data_option
from urja.site.cli.type_option import TypeParam
from urja.site.command_errors import CommandError, Exit
from urja.stream.broker import Broker

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
    FailureKind.OURS: "without a counter object give --invocation-counter; see --help",
}


class ObisCode(click.ParamType[Obis]):
    """A click type: an OBIS code such as 1.0.1.8.0.255; the last group may be left out."""

    name = "obis"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Obis:
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

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
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
    click.echo(as_json_document(result) if as_json else as_text(result))


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

    found = with_broker(box, work)
    if not found:
        click.echo("Nothing was lost.")
    for what, loss in found.items():
        click.echo("  ".join([loss.sentence(what), *loss.names]))
    if found and acknowledge:
        click.echo("The alarm is acknowledged and ends within seconds.")
