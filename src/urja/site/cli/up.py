"""`urja up`: the whole system on this machine."""

import asyncio
import sys
from pathlib import Path

import click

from urja.base import log
from urja.site.cli.options import config_file, config_option, data_option, load_settings


@click.command()
@data_option
@config_option
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["headend", "pipeline", "web"]),
    help="Do not run this process here; may be repeated.",
)
@click.option(
    "--sandbox-gateway",
    "sandbox",
    is_flag=True,
    help="Also run the sandbox payment gateway: test cards pay, no real money moves. Refused where others reach the "
    "portal, and where a gateway or real payments are.",
)
def up(data: Path, config_path: Path | None, without: tuple[str, ...], *, sandbox: bool) -> None:
    """Run the whole system on this machine until stopped.

    Starts PostgreSQL, NATS, head end, pipeline and web server in order, and restarts a process that stops. Ctrl-C or
    SIGTERM stops them in order. docs/operations.md lists the exit codes.
    """
    settings = load_settings(config_path).settings
    from urja.site.supervisor.installation import HEADEND, PIPELINE, WEB, Installation, run

    log.configure("supervisor", settings.log.level, json=not sys.stderr.isatty())
    processes = [name for name in (HEADEND, PIPELINE, WEB) if name not in without]
    box = Installation(
        data, settings, sandbox=sandbox, processes=processes, configuration=config_file(config_path)
    )
    asyncio.run(run(box, _announce))


def _announce(box: object) -> None:
    from urja.site.supervisor import sandbox_gateway
    from urja.site.supervisor.installation import Installation

    assert isinstance(box, Installation)
    web, headend = box.settings.web, box.settings.headend
    portal = web.public_url if web.tls_certificate else f"http://{web.host}:{web.port}"
    click.echo(f"Urja is up. Portal: {portal}  Meters connect to port {headend.port}")
    if sandbox_gateway.NAME in box.settings.payments.gateways:
        click.echo(
            "Sandbox payment gateway: card 4111 1111 1111 1111 pays, no real money moves. docs/sandbox.md has more."
        )
    click.echo(f"Data and logs: {box.data.path}  Stop with Ctrl-C.")
