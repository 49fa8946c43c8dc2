"""`urja meter`: run simulated meters. Needs no Django; `adopt` and `commission` are added from their own modules."""

import json
from pathlib import Path

import click

from urja.base import log
from urja.base.untyped_values import JsonObject
from urja.site.cli.type_option import TypePlace
from urja.site.command_errors import CommandError, Exit


@click.group()
def meter() -> None:
    """Run simulated meters; adopt and commission meters."""


@meter.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; :: for IPv6.")
@click.option(
    "--port",
    default=4059,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="TCP port; 0: any free port.",
)
@click.option(
    "--type",
    "device_type",
    type=TypePlace(),
    default="urja-d1-listen",
    show_default=True,
    help="Meter type, or the folder of one.",
)
@click.option("--serial", default="00000001", show_default=True, help="Serial number.")
@click.option("--seed", default=1, show_default=True, help="Seed of the meter's load and keys.")
@click.option(
    "--days",
    default=40,
    show_default=True,
    type=click.IntRange(0, 400),
    help="Days of history in the profiles.",
)
@click.option(
    "--start-wh", default=1_000_000, show_default=True, help="First reading of the import register, in Wh."
)
@click.option(
    "--hdlc", is_flag=True, help="Use HDLC instead of the wrapper: one link with one or more meters."
)
@click.option(
    "--meters",
    "count",
    default=1,
    show_default=True,
    type=click.IntRange(1, 100),
    help="With --hdlc: number of meters on the link, with consecutive serial numbers and addresses.",
)
@click.option(
    "--address",
    "physical",
    default=17,
    show_default=True,
    type=click.IntRange(16, 0x3FFD),
    help="With --hdlc: physical address of the first meter.",
)
@click.option(
    "--pty", is_flag=True, help="With --hdlc: also on a pseudo-terminal, in place of a serial port."
)
@click.option(
    "--serial-port", help="With --hdlc: also on a serial port, such as serial:/dev/ttyUSB0?baud=9600."
)
@click.option(
    "--clock",
    "clock_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The clock.json of a demonstration, whose business time the meters follow; real time unless given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def serve(
    *,
    host: str,
    port: int,
    device_type: str,
    serial: str,
    seed: int,
    days: int,
    start_wh: int,
    hdlc: bool,
    count: int,
    physical: int,
    pty: bool,
    serial_port: str | None,
    clock_file: Path | None,
    as_json: bool,
) -> None:
    """Run one meter, or several behind one HDLC link, for any DLMS client.

    Prints the address and what a client needs: SAPs, system title, keys. The keys are derived from the seed: use such a
    meter for tests only.
    """
    from urja.base.clock import AnchoredClock, WallClock
    from urja.base.meter_address import parse_serial_link
    from urja.meter.device_types import find_device_type
    from urja.meter.identity import seeded_identity
    from urja.meter.serve import serve as serve_meter, serve_bus

    log.configure("meter", json=as_json)
    if not hdlc and (count > 1 or pty or serial_port):
        raise CommandError(Exit.USAGE, "--meters, --pty and --serial-port are for an HDLC link: add --hdlc")
    listens = f"{host}:{port}" if find_device_type(device_type).dials == "listen" else None
    try:
        serial_link = None if serial_port is None else parse_serial_link(serial_port)
        identities = [
            seeded_identity(one, device_type, seed, start_wh=start_wh, listen=listens)
            for one in _serials(serial, count)
        ]
    except ValueError as error:
        raise CommandError(Exit.USAGE, str(error)) from None

    clock = WallClock() if clock_file is None else AnchoredClock(clock_file)

    def announce(facts: dict[str, object]) -> None:
        click.echo(json.dumps(facts) if as_json else _told(facts))

    try:
        if hdlc:
            line = dict(enumerate(identities, start=physical))
            serve_bus(
                line, host, port, pty=pty, serial=serial_link, days=days, clock=clock, announce=announce
            )
        else:
            serve_meter(identities[0], host, port, days=days, clock=clock, announce=announce)
    except OSError as error:
        if error.filename:
            raise CommandError(Exit.OS_ERROR, f"cannot open {error.filename}: {error.strerror}") from None
        raise CommandError(
            Exit.OS_ERROR,
            f"cannot listen on {host} port {port} ({error.strerror or error}): choose another --port",
        ) from None


@meter.command()
@click.argument("fleet_file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def fleet(fleet_file: Path) -> None:
    """Run the simulated meters of a fleet file against a head end (docs/meter.md has its fields)."""
    from urja.meter.fleet import FleetError, run_fleet

    log.configure("meters")
    try:
        run_fleet(fleet_file)
    except FleetError as error:
        raise CommandError(Exit.USAGE, str(error)) from None
    except OSError as error:
        raise CommandError(Exit.OS_ERROR, f"the fleet cannot start: {error}") from None


def _serials(first: str, count: int) -> list[str]:
    """Return consecutive serial numbers from the first."""
    if count == 1:
        return [first]
    if not first.isdigit():
        raise CommandError(Exit.USAGE, f"--serial {first} cannot be counted up: give digits only")
    return [f"{int(first) + number:0{len(first)}}" for number in range(count)]


def _told(facts: JsonObject) -> str:
    if "meters" in facts:
        ports = f"{facts['host']} port {facts['port']} (TCP, HDLC)"
        also = "".join(f" and on {facts[name]}" for name in ("pty", "serial") if facts[name])
        listening = [f"{len(facts['meters'])} meters on one link, on {ports}{also}:"]
        meters = [
            f"Meter {meter['serial']} ({meter['device_type']}) at physical address {meter['physical_address']}:\n"
            + _client_facts(meter)
            for meter in facts["meters"]
        ]
        return "\n".join([*listening, *meters, "Stop it with Ctrl-C."])
    where = f"{facts['host']} port {facts['port']} (TCP, wrapper)"
    head = f"Meter {facts['serial']} ({facts['device_type']}) listens on {where}."
    return "\n".join([head, _client_facts(facts), "Stop it with Ctrl-C."])


def _client_facts(facts: JsonObject) -> str:
    clients = "\n".join(
        f"  client SAP {entry['sap']:<4} {name}: {entry['authentication'].upper()}"
        + (f", mechanism {entry['mechanism']}" if "mechanism" in entry else "")
        + (f", ciphering {entry['ciphering']}" if "ciphering" in entry else "")
        for name, entry in facts["clients"].items()
    )
    secret = f"\n  HLS secret     {facts['hls_secret']}" if facts["hls_secret"] else ""
    return f"""  logical device {facts["logical_device_name"]}, server SAP {facts["server_sap"]}
{clients}
  system title   {facts["system_title"]}
  GUEK           {facts["guek"]}
  GAK            {facts["gak"]}
  master key     {facts["master_key"]}
  LLS secret     {facts["lls_secret"]}{secret}"""
