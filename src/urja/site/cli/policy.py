"""`urja policy`: check, replay, load and assign policy documents.

`check` needs no database and no Django; `replay` reads the database of a running box and changes nothing.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec
import psycopg

from urja.apps.notices.config import channels_of
from urja.core.calendar import Period
from urja.core.policy import (
    ChannelReach,
    Policy,
    PolicyError,
    bundled_policies,
    obstacles,
    parse_policy,
    sentence,
)
from urja.core.units import major_text
from urja.laws.connections import Connection
from urja.site.cli.document_check import (
    Checked,
    check_file,
    documents_argument,
    end_check,
    template_argument,
    write_template,
)
from urja.site.cli.options import DEFAULT_CONFIG, config_option, data_option, load_settings, read_document
from urja.site.cli.policy_replay import ActualCut, ReplayedCut, histories, replay
from urja.site.command_errors import CommandError, Exit, database_refusal

_document = click.Path(path_type=Path, exists=True, dir_okay=False)
_day = click.DateTime(["%Y-%m-%d"])


@click.group()
def policy() -> None:
    """Check, replay, load and assign policy documents."""


@policy.command()
@template_argument
def template(file: Path) -> None:
    """Write a policy to begin with to FILE: the plain one of a society or a small utility."""
    write_template(file, bundled_policies()["plain.toml"])


def _parse(path: Path, text: str) -> Policy:
    try:
        return parse_policy(text)
    except PolicyError as error:
        lines = "\n  ".join(str(fault) for fault in error.faults)
        raise CommandError(Exit.USAGE, f"{path} is not a policy:\n  {lines}") from None


@policy.command()
@documents_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@config_option
def check(files: Sequence[Path], as_json: bool, config_path: Path | None) -> None:
    """Check documents and print every fault; exit 2 if there is one.

    With a configuration file, also print what keeps a document from disconnecting or notifying over its channels.
    """
    channels = channel_reaches(config_path)
    checked: dict[Path, Checked[Policy]] = {}
    hindered: dict[str, list[dict[str, str | bool]]] = {}
    for path in files:
        one = checked[path] = check_file(path, parse_policy, _named, as_json=as_json)
        kept_from = [] if one.document is None else obstacles(one.document, channels)
        hindered[str(path)] = [msgspec.to_builtins(obstacle) for obstacle in kept_from]
        for obstacle in () if as_json else kept_from:
            click.echo(f"{path}: {obstacle}")
    end_check(checked, as_json=as_json, obstacles=hindered)


def _named(document: Policy) -> str:
    return f"{document.code} {document.version} from {document.valid_from}"


def channel_reaches(config_path: Path | None) -> list[ChannelReach] | None:
    """Return what the configured channels can prove; None without a configuration file."""
    if config_path is None and not DEFAULT_CONFIG.exists():
        return None
    configured = channels_of(load_settings(config_path).settings.messages)
    return [ChannelReach(channel.medium, channel.reports) for channel in configured]


@dataclass(slots=True)
class Outcome:
    """Result of a replay: all accounts under one document, beside the actual disconnections."""

    policy: Policy
    period: Period
    zone: ZoneInfo
    accounts: int = 0
    notices: int = 0
    cuts: list[ReplayedCut] = field(default_factory=list)
    actual: list[ActualCut] = field(default_factory=list)
    standings: Counter[str] = field(default_factory=Counter)
    """Number of accounts by their state at the end."""

    def as_json(self, language: str) -> dict[str, object]:
        return {
            "code": self.policy.code,
            "version": self.policy.version,
            "from": self.period.first.isoformat(),
            "to": self.period.end.isoformat(),
            "accounts": self.accounts,
            "notices": self.notices,
            "standings": dict(self.standings),
            "cuts": [
                {
                    "account_id": cut.account_id,
                    "at": self._local(cut.at).isoformat(),
                    "balance_minor": cut.balance_minor,
                    "restored_at": self._local(cut.restored_at).isoformat() if cut.restored_at else None,
                    "rule": cut.reason.rule,
                    "sentence": sentence(cut.reason, language),
                }
                for cut in self.cuts
            ],
            "happened": [
                {
                    "account_id": cut.account_id,
                    "at": self._local(cut.at).isoformat(),
                    "written": sentence(cut.written, language) if cut.written else None,
                    "standing": cut.standing.value,
                    "rule": cut.reason.rule,
                    "sentence": sentence(cut.reason, language),
                }
                for cut in self.actual
            ],
        }

    def as_text(self, language: str) -> str:
        document, days = self.policy, f"{self.period.first} to {self.period.end}"
        would = f"it would have ordered {_times(self.cuts)} and sent {_count(self.notices, 'notice')}"
        out = [
            f"{document.title} ({document.code} {document.version}), {days}, {_count(self.accounts, 'account')}",
            f"{would}; actual: {_times(self.actual)}",
        ]
        if self.cuts:
            out += ["", "Disconnections under this document"]
            out += [self._cut(cut, language) for cut in self.cuts]
        if self.actual:
            out += ["", "Actual disconnections"]
            out += [self._happened(cut, language) for cut in self.actual]
        stood = ", ".join(f"{count} {standing}" for standing, count in sorted(self.standings.items()))
        out += ["", f"At the end: {stood or 'no account'}."]
        out.append(
            "Assumed: notices arrive at once, data are fresh, services are healthy, consumption is unchanged."
        )
        return "\n".join(out)

    def _cut(self, cut: ReplayedCut, language: str) -> str:
        back = (
            "still disconnected at the end"
            if cut.restored_at is None
            else f"reconnected {self._stamp(cut.restored_at)}"
        )
        balance = major_text(cut.balance_minor, self.policy.decimals)
        head = f"  {self._stamp(cut.at)}  account {cut.account_id}  {self.policy.currency} {balance}, {back}"
        return f"{head}\n      {cut.reason.rule}: {sentence(cut.reason, language)}"

    def _happened(self, cut: ActualCut, language: str) -> str:
        head = f"  {self._stamp(cut.at)}  account {cut.account_id}"
        written = f"\n      then: {sentence(cut.written, language)}" if cut.written else ""
        now = f"{cut.standing.value} ({cut.reason.rule}): {sentence(cut.reason, language)}"
        return f"{head}{written}\n      under this document: {now}"

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def _stamp(self, at: datetime) -> str:
        return f"{self._local(at):%Y-%m-%d %H:%M}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _times(cuts: Sequence[ReplayedCut] | Sequence[ActualCut]) -> str:
    accounts = len({cut.account_id for cut in cuts})
    return (
        f"{_count(len(cuts), 'disconnection')} of {_count(accounts, 'account')}"
        if cuts
        else "0 disconnections"
    )


@policy.command("replay")
@click.argument("file", type=_document)
@click.option("--from", "first", required=True, type=_day, help="First local day.")
@click.option("--to", "end", required=True, type=_day, help="The day after the last.")
@data_option
@click.option("--language", type=click.Choice(["en", "hi"]), default="en", help="Language of the reasons.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def replay_command(
    file: Path, first: datetime, end: datetime, data: Path, language: str, as_json: bool
) -> None:
    """Show the disconnections that a document would have ordered between two days, with reasons, beside the actual ones."""
    period = Period(first.date(), end.date())
    if not period.days:
        raise CommandError(
            Exit.USAGE, f"from {period.first} to {period.end} has no day: --to is the day after the last"
        )
    document = _parse(file, read_document(file))
    from urja.site.admin import Administration

    box = Administration.of(data)
    zone = ZoneInfo(box.settings.utility.timezone)
    try:
        with psycopg.connect(box.secrets.database_owner, autocommit=True) as connection:
            outcome = replay_all(connection, document, period, zone, box.clock.now())
    except psycopg.OperationalError as error:
        raise CommandError(Exit.UNAVAILABLE, f"the database cannot be reached: {error}") from error
    if as_json:
        click.echo(json.dumps(outcome.as_json(language), ensure_ascii=False))
    else:
        click.echo(outcome.as_text(language))


def replay_all(
    connection: Connection, document: Policy, period: Period, zone: ZoneInfo, now: datetime
) -> Outcome:
    """Return the replay of every account over the local days of a period, up to `now` at most.

    Raises `CommandError` for a period in the future.
    """
    begin, end = period.bounds(zone)
    if begin >= now:
        raise CommandError(Exit.USAGE, f"{period.first} is in the future: give a past day with --from")
    end = min(end, now)
    outcome = Outcome(document, period, zone)
    for history in histories(connection, document.currency, begin, end):
        replayed = replay(document, history, begin, end, zone)
        outcome.accounts += 1
        outcome.notices += replayed.notices
        outcome.cuts += replayed.cuts
        outcome.actual += replayed.actual
        outcome.standings[replayed.last.standing.value] += 1
    outcome.cuts.sort(key=lambda cut: (cut.at, cut.account_id))
    outcome.actual.sort(key=lambda cut: (cut.at, cut.account_id))
    return outcome


@policy.command()
@click.argument("files", nargs=-1, required=True, type=_document)
@data_option
def load(files: Sequence[Path], data: Path) -> None:
    """Store documents as versions of their policies; the first policy applies to all consumers."""
    texts = {path: read_document(path) for path in files}
    for path, text in texts.items():
        _parse(path, text)
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError, transaction

    from urja.apps.rulebook.errors import PolicyConflictError
    from urja.usecases.policies import load_policy

    try:
        with transaction.atomic():
            stored = [
                load_policy(text, recorded_at=box.clock.now(), actor="urja policy load")
                for text in texts.values()
            ]
    except PolicyConflictError as error:
        raise CommandError(Exit.USAGE, f"{error}; nothing was loaded") from None
    except DatabaseError as error:
        raise database_refusal(error) from error
    for version in stored:
        click.echo(f"{version.code} {version.version} is in force from {version.valid_from}")
    click.echo(_assigned(box.clock.now()))


@policy.command()
@click.argument("category")
@click.argument("code")
@data_option
def assign(category: str, code: str, data: Path) -> None:
    """Apply the policy CODE to the consumer CATEGORY; "" is all other consumers."""
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError

    from urja.apps.rulebook.errors import UnknownPolicyError
    from urja.usecases.policies import assign_policy

    try:
        assign_policy(category, code, recorded_at=box.clock.now(), actor="urja policy assign")
    except UnknownPolicyError as error:
        raise CommandError(Exit.USAGE, f"{error}: load one with urja policy load") from None
    except DatabaseError as error:
        raise database_refusal(error) from error
    click.echo(_assigned(box.clock.now()))


def _assigned(now: datetime) -> str:
    """Return one line for each category with its policy."""
    from urja.apps.contracts.queries import policies_of_their_own
    from urja.apps.rulebook.queries.policies import DEFAULT_CATEGORY, policy_book

    assigned = dict(policy_book().assigned)
    everybody = assigned.pop(DEFAULT_CATEGORY, None)
    lines = [f"{count} agreements of their own: {code}" for code, count in policies_of_their_own(now).items()]
    lines += [f"category {category}: {code}" for category, code in sorted(assigned.items())]
    rest = "all others" if lines else "everybody"
    return "\n".join([*lines, f"{rest}: {everybody or 'no policy'}"])
