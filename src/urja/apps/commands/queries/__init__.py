"""Queries on commands."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from urja.apps.commands.kinds import SUPPLY_KINDS, UNFINISHED, State
from urja.apps.commands.models import Command

type CommandRow = Command
"""A row of `commands_command`, for annotations outside this app."""


def unfinished(device_ids: Iterable[int] | None = None, kind: str | None = None) -> QuerySet[Command]:
    """Return commands that have not ended, by device and sequence."""
    found = Command.objects.filter(state__in=UNFINISHED).order_by("device_id", "sequence")
    if device_ids is not None:
        found = found.filter(device_id__in=list(device_ids))
    return found if kind is None else found.filter(kind=kind)


def of_account(account_id: int, limit: int = 50) -> list[Command]:
    """Return the last commands that were issued because of an account, newest first."""
    return list(Command.objects.filter(account_id=account_id).order_by("-issued_at", "-id")[:limit])


def command(command_id: int) -> Command | None:
    return Command.objects.filter(id=command_id).first()


def commands(ids: Iterable[int]) -> dict[int, Command]:
    """Return commands by their numbers; unknown numbers are left out."""
    return Command.objects.in_bulk(list(ids))


def newest(device_id: int, kind: str, *, since: datetime, after: int = 0) -> Command | None:
    """Return the newest command of a kind to a device, issued at `since` (UTC) or later and with a sequence above `after`."""
    given = Command.objects.filter(device_id=device_id, kind=kind, issued_at__gte=since, sequence__gt=after)
    return given.order_by("-sequence").first()


def unfinished_for(kind: str, reason: str) -> int:
    """Return how many commands of a kind with this reason have not ended."""
    return Command.objects.filter(kind=kind, reason=reason, state__in=UNFINISHED).count()


def waiting_for_person() -> list[Command]:
    """Return the newest relay command of each device whose button at the meter has to be pressed."""
    newest = (
        Command.objects.filter(kind__in=SUPPLY_KINDS).order_by("device_id", "-sequence").distinct("device_id")
    )
    return [found for found in newest if found.state == State.WAITING_FOR_PERSON]
