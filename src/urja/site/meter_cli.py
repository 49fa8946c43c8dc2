"""`urja meter`: run a simulated meter, or a fleet of them. Knows no Django; `adopt` joins from its own module."""

import json
from pathlib import Path
from typing import Any

import click

from urja.base import log
from urja.cosem.companion import device_types
from urja.site.exits import Exit, Refusal


@click.group()
def meter() -> None:
    """Serve a simulated meter; adopt a meter."""


@meter.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; :: for IPv6.")
@click.option("--port", default=4059, show_default=True, type=click.IntRange(0, 65535), help="0: any.")
@click.option(
    "--type",
    "device_type",
    type=click.Choice(device_types()),
    default="urja-d1-listen",
    show_default=True,
    help="Device type.",
)
@click.option("--serial", default="00000001", show_default=True, help="Serial number.")
@click.option("--seed", default=1, show_default=True, help="Load and keys follow from it.")
@click.option(
    "--days",
    default=40,
    show_default=True,
    type=click.IntRange(0, 400),
    help="Days of history in the profiles.",
)
@click.option("--start-wh", default=1_000_000, show_default=True, help="Register at the beginning, in Wh.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def serve(
    *, host: str, port: int, device_type: str, serial: str, seed: int, days: int, start_wh: int, as_json: bool
) -> None:
    """Run one meter alone, in real time, for any DLMS client.

    It prints where it listens and everything a client needs: SAPs, system title, keys. The keys follow from
    the seed: this meter is for a bench.
    """
    from urja.cosem.companion import load_device_type
    from urja.meter.identity import seeded
    from urja.meter.serve import serve as serve_meter

    log.configure("meter", json=as_json)
    listens = f"{host}:{port}" if load_device_type(device_type).dials == "listen" else None
    try:
        identity = seeded(serial, device_type, seed, start_wh=start_wh, listen=listens)
    except ValueError as error:
        raise Refusal(Exit.USAGE, str(error)) from None

    def announce(facts: dict[str, Any]) -> None:
        click.echo(json.dumps(facts) if as_json else _told(facts))

    try:
        serve_meter(identity, host, port, days=days, announce=announce)
    except OSError as error:
        raise Refusal(
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
        raise Refusal(Exit.USAGE, str(error)) from None
    except OSError as error:
        raise Refusal(Exit.OS_ERROR, f"the fleet cannot start: {error}") from None


def _told(facts: dict[str, Any]) -> str:
    clients = "\n".join(
        f"  client SAP {entry['sap']:<4} {name}: {entry['authentication'].upper()}"
        + (f", mechanism {entry['mechanism']}" if "mechanism" in entry else "")
        + (f", ciphering {entry['ciphering']}" if "ciphering" in entry else "")
        for name, entry in facts["clients"].items()
    )
    return f"""Meter {facts["serial"]} ({facts["device_type"]}) listens on {facts["host"]} port {facts["port"]} (TCP, wrapper).
  logical device {facts["logical_device_name"]}, server SAP {facts["server_sap"]}
{clients}
  system title   {facts["system_title"]}
  GUEK           {facts["guek"]}
  GAK            {facts["gak"]}
  LLS secret     {facts["lls_secret"]}
Stop it with Ctrl-C."""
