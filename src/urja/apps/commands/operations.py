"""Issuing commands, and recording their progress.

The stage `decide`, commissioning and meter jobs issue them; the stage `dispatch` records what becomes of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from urja.apps.assets import queries as assets
from urja.apps.commands.errors import NotIssuableError
from urja.apps.commands.kinds import DISCONNECT, MAKE_KEYS, SUPPLY_KINDS, TERMINAL, UNFINISHED, State
from urja.apps.commands.models import Command
from urja.apps.meter_types import queries as meter_types
from urja.apps.meter_types.errors import UnknownMeterTypeError
from urja.base.ids import bucket_of, compose_id
from urja.cosem.companion import DeviceType
from urja.stream.orders import Progress

_RANK: Final = {State.QUEUED: 0, State.SENT: 1, State.ACKNOWLEDGED: 2} | dict.fromkeys(TERMINAL, 3)
"""A report counts only where the rank grows; the table's trigger has the same order."""


def issue(
    *,
    device_id: int,
    service_point_id: int,
    kind: str,
    arguments: dict[str, object] | None = None,
    issued_at: datetime,
    issued_wall_ms: int,
    expires_at: datetime,
    reason: str,
    correlation: int,
    account_id: int | None = None,
) -> Command:
    """Issue a command, for the stage `dispatch` to send, and return it.

    A command to the relay supersedes older unfinished ones of the device in the same transaction. One to a meter that
    sleeps lasts until its second planned wake-up from now on is over, unless it disconnects: that must end when its
    caller says. Raises NotIssuableError where it has no kind or would be expired when it is issued.
    """
    if not kind or expires_at <= issued_at:
        raise NotIssuableError(f"a {kind or 'nameless'} command from {issued_at} until {expires_at}")
    device_type = _type_of(device_id)
    awake_at = None if device_type is None else device_type.awake_at(issued_at)
    if (
        device_type is not None
        and device_type.awake is not None
        and awake_at is not None
        and kind != DISCONNECT
    ):
        plan = device_type.awake
        expires_at = max(expires_at, awake_at + timedelta(seconds=plan.longest_asleep_s + plan.for_s))
    with transaction.atomic():
        # Before anything else: this locks the device's counter, so that two commands for one meter are
        # numbered and superseded one after the other.
        sequence = _next_sequence(device_id)
        if kind in SUPPLY_KINDS:
            _supersede(device_id, SUPPLY_KINDS, issued_at, issued_wall_ms, f"a newer {kind} was given")
        return Command.objects.create(
            id=_next_id(bucket_of(service_point_id)),
            device_id=device_id,
            service_point_id=service_point_id,
            account_id=account_id,
            kind=kind,
            arguments=arguments or {},
            sequence=sequence,
            reason=reason,
            cause_correlation=correlation,
            issued_at=issued_at,
            issued_wall_ms=issued_wall_ms,
            expires_at=expires_at,
            awake_at=awake_at,
        )


def awake_at(device_id: int, now: datetime) -> datetime | None:
    """Return from when a sleeping meter can carry out a command by its plan (UTC); None where it always can."""
    device_type = _type_of(device_id)
    return None if device_type is None else device_type.awake_at(now)


def _type_of(device_id: int) -> DeviceType | None:
    """Return the type of a device; None where it is not known, so that a missing type stops no command."""
    try:
        return meter_types.known_type(*assets.type_of(device_id))
    except UnknownMeterTypeError:
        return None


@dataclass(frozen=True, slots=True)
class Superseded:
    """The commands that `supersede` has ended."""

    command_ids: tuple[int, ...]
    on_its_way: bool
    """Whether one of them had left for the head end and may be carried out now: issue a connect as well."""


def supersede(device_id: int, *, at: datetime, wall_ms: int, reason: str) -> Superseded:
    """End the unfinished disconnections of a device, because their cause is gone.

    Queued ones are never sent. Where one is on its way (`on_its_way`), only a newer command calls it back: the head
    end drops an older disconnection when a connect has arrived, and undoes one that it has just carried out. `at` is
    business time in UTC, `wall_ms` the wall clock in ms.
    """
    with transaction.atomic():
        _lock(device_id)
        return _supersede(device_id, (DISCONNECT,), at, wall_ms, reason)


def record_progress(progress: Sequence[Progress]) -> list[int]:
    """Apply the head end's reports in their order, in one transaction; return the ids of commands whose state changed.

    Reports behind a command's state, or after its end, change nothing, so the same reports may be applied any number
    of times.
    """
    with transaction.atomic():
        known = {
            command.id: command
            for command in Command.objects.select_for_update()
            .filter(id__in={report.command_id for report in progress})
            .order_by("id")
        }
        return [
            report.command_id
            for report in progress
            if (command := known.get(report.command_id)) is not None and _apply(command, report)
        ]


def devices_of(command_ids: Iterable[int]) -> dict[int, int]:
    """Return the device of each command, by command number."""
    return dict(Command.objects.filter(id__in=list(command_ids)).values_list("id", "device_id"))


def devices_making_keys(command_ids: Iterable[int]) -> dict[int, int]:
    """Return the device of each of these commands that makes new keys and has not ended, by command number."""
    return dict(
        Command.objects.filter(id__in=list(command_ids), kind=MAKE_KEYS, state__in=UNFINISHED).values_list(
            "id", "device_id"
        )
    )


def expire(at: datetime, wall_ms: int, before: datetime, limit: int = 500) -> int:
    """End expired commands: queued ones past their end, and sent ones whose end was `before` without a report.

    Returns how many ended, at most `limit`. A head end begins nothing after a command's end and reports what it
    began; `before` leaves it the time to report.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commands_command SET state = 'expired', ended_at = %(at)s, ended_wall_ms = %(wall)s,"
            " detail = CASE WHEN last_error = '' THEN CASE state WHEN 'queued' THEN 'it was never sent'"
            " ELSE 'nothing was heard of it' END ELSE last_error END, again_at = NULL"
            " WHERE id IN (SELECT id FROM commands_command WHERE (state = 'queued' AND expires_at <= %(at)s)"
            " OR (state IN ('sent', 'acknowledged') AND expires_at <= %(before)s)"
            " ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)",
            {"at": at, "wall": wall_ms, "before": before, "limit": limit},
        )
        return int(cursor.rowcount)


# -- within a transaction ------------------------------------------------------------------------------------


def _apply(command: Command, report: Progress) -> bool:
    """Apply one report to a locked command; return whether its state changed."""
    if command.finished:
        return False
    command.attempts = max(command.attempts, report.attempts)
    if report.state == "trying":
        command.last_error, command.again_at = report.detail, report.again_at
        command.save(update_fields=["attempts", "last_error", "again_at"])
        return False
    state = State(report.state)
    if _RANK[state] <= _RANK[State(command.state)]:
        return False
    command.state = state
    command.last_error, command.again_at = "", None
    command.evidence = {**command.evidence, **report.evidence}
    if state is State.ACKNOWLEDGED:
        command.acknowledged_at, command.acknowledged_wall_ms = report.at, report.wall_ms
    else:
        command.ended_at, command.ended_wall_ms, command.detail = report.at, report.wall_ms, report.detail
    command.save(
        update_fields=[
            "state",
            "attempts",
            "last_error",
            "again_at",
            "evidence",
            "acknowledged_at",
            "acknowledged_wall_ms",
            "ended_at",
            "ended_wall_ms",
            "detail",
        ]
    )
    return True


def _supersede(device_id: int, kinds: Sequence[str], at: datetime, wall_ms: int, reason: str) -> Superseded:
    older = list(
        Command.objects.select_for_update()
        .filter(device_id=device_id, kind__in=kinds, state__in=UNFINISHED)
        .order_by("id")
        .values_list("id", "state")
    )
    Command.objects.filter(id__in=[id_ for id_, _ in older]).update(
        state=State.SUPERSEDED, ended_at=at, ended_wall_ms=wall_ms, detail=reason, again_at=None
    )
    return Superseded(tuple(id_ for id_, _ in older), any(state != State.QUEUED for _, state in older))


def skip_sequences(count: int) -> None:
    """Skip numbers that may have been given to orders without a trace here, such as after a restore."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE commands_device SET last_sequence = last_sequence + %s", [count])


def _next_sequence(device_id: int) -> int:
    """Return the device's next sequence number, with its counter locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commands_device (device_id, last_sequence) VALUES (%s, 1)"
            " ON CONFLICT (device_id) DO UPDATE SET last_sequence = commands_device.last_sequence + 1"
            " RETURNING last_sequence",
            [device_id],
        )
        return int(cursor.fetchone()[0])


def _lock(device_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM commands_device WHERE device_id = %s FOR UPDATE", [device_id])


def _next_id(bucket: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('commands_number')")
        return compose_id(bucket, cursor.fetchone()[0])
