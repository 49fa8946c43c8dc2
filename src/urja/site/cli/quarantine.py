"""`urja quarantine`: frames that the head ends could not accept. It needs no Django."""

import getpass
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Final, get_args

import click
import msgspec

from urja.base.ids import format_correlation
from urja.headend.intake import ReplayAnswer
from urja.site.admin import Administration
from urja.site.broker_access import with_broker
from urja.site.cli.options import HexBytes, data_option
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.stream.broker import Broker
from urja.stream.quarantine import Quarantined, Reason
from urja.stream.quarantine_store import StoredFrame
from urja.stream.subjects import POISON, REFUSED_ORDERS

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
    kept = with_broker(Administration.of(data), lambda broker: _kept(broker, _Choice(source, title, reason)))
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
    facts = _facts_of(_one(with_broker(Administration.of(data), _kept), name))
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

    answers = with_broker(Administration.of(data), work)
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
    chosen = with_broker(Administration.of(data), lambda broker: _kept(broker, choice))
    if not chosen:
        click.echo(f"No frame with {choice} is in quarantine.")
        return
    if not yes:
        for (standing, found), count in sorted(_counted(chosen).items()):
            click.echo(f"{count:>7}  {standing:<8}  {found}")
        raise CommandError(
            Exit.USAGE, f"{_frames(len(chosen))} would be deleted permanently: give --yes to delete them"
        )
    dropped = with_broker(Administration.of(data), lambda broker: broker.drop_quarantined(chosen))
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
