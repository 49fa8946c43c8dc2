"""Commissioning calls: requested by an operation, and carried out by the pipeline's stage `commission`."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from urja.apps.commands import operations as commands, queries as commanded
from urja.apps.commands.queries import CommandRow
from urja.apps.commissioning.checks import Answer, Check, Outcome, commands_of
from urja.apps.commissioning.kinds import UNFINISHED, CallState
from urja.apps.commissioning.models import Call
from urja.apps.meter_types.errors import UnknownMeterTypeError
from urja.apps.meter_types.queries import known_type
from urja.base.ids import new_correlation
from urja.cosem.companion import DeviceType

CALL_LIFETIME: Final = timedelta(hours=2)
"""How long the commands of a call are valid: the fitter waits beside the meter."""


def lock_call(call_id: int) -> Call | None:
    """Return a call that has not ended, locked until the transaction ends; None where another transaction has it."""
    held = Call.objects.select_for_update(of=("self",), skip_locked=True)
    return held.select_related("device", "service_point").filter(id=call_id, state__in=UNFINISHED).first()


def begin(call: Call, now: datetime, wall_ms: int) -> None:
    """Issue the commands of a call, all at once; the head end carries them out in one session, in this order.

    They expire after two hours of business time; `wall_ms` is the wall clock in ms.
    """
    wanted = commands_of(_type_of(call), call.payment_mode, relay_test=call.relay_test)
    call.commands = {
        check.value: _issue(call, kind, arguments, now, wall_ms)
        for check, (kind, arguments) in wanted.items()
    }
    call.state = CallState.CALLING
    call.save(update_fields=["commands", "state"])


def switch_on(call: Call, now: datetime, wall_ms: int) -> None:
    """Issue the command that closes the relay, which the test has opened or may have opened."""
    call.commands[Check.SWITCH_ON.value] = _issue(call, "connect", {}, now, wall_ms)
    call.save(update_fields=["commands"])


def answers(call: Call) -> dict[Check, Answer] | None:
    """Return the end of every command of a call, by check; None while one is under way."""
    given = commanded.commands(call.commands.values())
    if any(not command.finished for command in given.values()):
        return None
    return {Check(check): _answer(given[id_]) for check, id_ in call.commands.items()}


def reported_pushes(call: Call) -> list[dict[str, object]]:
    """Return the push layouts that the meter reported in a call, as received.

    Empty for a call that began before this check existed.
    """
    if (asked_id := call.commands.get(Check.PUSHES.value)) is None:
        return []
    asked = commanded.command(asked_id)
    told: list[dict[str, object]] = [] if asked is None else asked.evidence["pushes"]
    return told


def end(
    call: Call, state: CallState, outcomes: list[Outcome], now: datetime, operation_id: int | None = None
) -> None:
    """Record how a call has ended."""
    call.state, call.ended_at, call.operation_id = state, now, operation_id
    call.checks = [
        {"check": one.check.value, "passed": one.passed, "found": one.found, "says": one.says}
        for one in outcomes
    ]
    call.save(update_fields=["state", "ended_at", "operation_id", "checks"])


def _type_of(call: Call) -> DeviceType | None:
    """Return the type of the called meter; None where it is not known."""
    try:
        return known_type(call.device.device_type, call.device.firmware)
    except UnknownMeterTypeError:
        return None


def _answer(command: CommandRow) -> Answer:
    return Answer(command.state, command.detail, command.evidence, command.ended_at)


def _issue(call: Call, kind: str, arguments: dict[str, object], now: datetime, wall_ms: int) -> int:
    return commands.issue(
        device_id=call.device_id,
        service_point_id=call.service_point_id,
        kind=kind,
        arguments=arguments,
        issued_at=now,
        issued_wall_ms=wall_ms,
        expires_at=now + CALL_LIFETIME,
        reason="commissioning",
        correlation=new_correlation(wall_ms, secrets.randbits(21)),
    ).id
