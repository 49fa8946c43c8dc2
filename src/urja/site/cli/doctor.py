"""`urja doctor`: what is missing before going live, in order, each with its command."""

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
import msgspec
from psycopg.errors import InvalidSchemaName, UndefinedTable

from urja.apps.notices.config import channels_of
from urja.base.settings import Settings
from urja.core.policy import ChannelReach
from urja.site import readiness
from urja.site.cli.options import DEFAULT_DATA, config_option, data_option, load_settings
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.site.readiness import Finding, State

_IN_THE_DATABASE: Final = "administrator, tariffs, policies"


@click.command()
@data_option
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def doctor(data: Path, config_path: Path | None, as_json: bool) -> None:
    """List what is missing before going live, in order, each with its command.

    Administrator, tariffs and policies are checked only while Urja runs. Exit code 1: something is missing.
    """
    loaded = load_settings(config_path)
    found = [*readiness.findings(loaded, DataDirectory(data)), *_of_the_database(data, loaded.settings)]
    blocked = any(finding.blocks for finding in found)
    if as_json:
        click.echo(
            json.dumps(
                {"ready": not blocked, "findings": msgspec.to_builtins(found)}, ensure_ascii=False, indent=2
            )
        )
    else:
        elsewhere = data != DEFAULT_DATA and os.environ.get("URJA_DATA") != str(data)
        click.echo(render(found, data.absolute() if elsewhere else None))
    if blocked:
        raise SystemExit(Exit.FAILED)


def _of_the_database(data: Path, settings: Settings) -> Iterator[Finding]:
    from urja.site.admin import Administration

    try:
        box = Administration.of(data)
    except CommandError as error:
        if error.code != Exit.ALREADY_RUNNING:
            raise
        yield Finding(
            topic=_IN_THE_DATABASE,
            state=State.UNCHECKED,
            sentence=f"no Urja runs on {data.absolute()}",
            command=f"urja up --data {data}, then again: urja doctor --data {data}",
        )
        return
    unfinished = Finding(
        topic=_IN_THE_DATABASE,
        state=State.UNCHECKED,
        sentence="the start has not prepared the database yet",
        command=f"wait until urja up says Urja is up, then again: urja doctor --data {data}",
    )
    # The first start deletes the file when it employs the person, after the last table.
    if box.data.first_administrator.exists():
        yield unfinished
        return
    box.setup_django()
    from django.db import DatabaseError

    from urja.site import registry_readiness

    reaches = [ChannelReach(channel.medium, channel.reports) for channel in channels_of(settings.messages)]
    zone = ZoneInfo(settings.utility.timezone)
    try:
        # All or none: while tables are made, what is read first would look empty.
        found = [
            *registry_readiness.findings(
                box.clock.now(),
                zone,
                settings.utility.currency,
                reaches,
                has_gateway=bool(settings.payments.gateways),
            )
        ]
    except DatabaseError as error:
        if not isinstance(error.__cause__, (UndefinedTable, InvalidSchemaName)):
            raise CommandError(Exit.UNAVAILABLE, f"the database refused: {error}") from error
        yield unfinished
        return
    yield from found


def render(found: Sequence[Finding], data: Path | None) -> str:
    """Return the findings as text: what blocks first, numbered, then advice and what is ready.

    `data` is the data directory where the commands would not find it by themselves.
    """
    blocking = [finding for finding in found if finding.blocks]
    lines = [f"Not ready to go live: {len(blocking)} missing." if blocking else "Ready to go live."]
    if data is not None:
        lines.append(f"The commands need this first: export URJA_DATA={shlex.quote(str(data))}")
    for number, finding in enumerate(blocking, 1):
        lines += ["", *_lines(f"{number}. ", finding)]
    for finding in (finding for finding in found if finding.state is State.ADVICE):
        lines += ["", *_lines("Advice: ", finding)]
    lines += ["", *(f"Ready: {one.topic}: {one.sentence}" for one in found if one.state is State.READY)]
    return "\n".join(lines)


def _lines(head: str, finding: Finding) -> Iterator[str]:
    unchecked = " (not checked)" if finding.state is State.UNCHECKED else ""
    yield f"{head}{finding.topic}{unchecked}: {finding.sentence}"
    if finding.command:
        yield f"   do: {finding.command}"
    if finding.pending_with:
        yield f"   pending with: {finding.pending_with}"
