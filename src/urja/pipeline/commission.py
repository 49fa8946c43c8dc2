"""The pipeline's stage `commission`: runs the commissioning calls of installed meters, and puts meters that pass into
service.

A call is a handful of commands (`urja.apps.commissioning`). A switch that was opened for a test is closed again
whatever the result of the opening; the checks are judged only after that. Each step is one transaction: after a kill
in between, the next run finds the call unchanged.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from django.db import transaction

from urja.apps.assets.queries import DevicePeriodRow, open_period
from urja.apps.commissioning import operations, queries
from urja.apps.commissioning.checks import Answer, Check, Expected, Outcome, judge, text_of, wh_of
from urja.apps.commissioning.kinds import CallState
from urja.apps.commissioning.queries import CallRow
from urja.apps.contracts.kinds import MeteringMode
from urja.apps.journal.errors import RefusedError
from urja.apps.meter_types.errors import UnknownMeterTypeError
from urja.apps.meter_types.queries import known_type
from urja.core.rating import Commodity
from urja.cosem.companion import DeviceType
from urja.pipeline.stage import Report
from urja.usecases.agreements_in_force import agreement_at
from urja.usecases.commissioning import RecordCommissioning
from urja.usecases.operations import perform
from urja.usecases.register_reads import nearest_reads

log = structlog.get_logger()

ACTOR: Final = "commission"
_SLACK: Final = timedelta(hours=1)
BEGUN_AT_ONCE: Final = 20
"""Calls that begin in one run; other operations wait on the same thread."""
UNDER_WAY: Final = 200
"""Meters that are called at once; of a file of a hundred thousand the others wait, and their time begins later."""


def run_once(now: datetime, wall_ms: int) -> Report:
    """Advance every call by one step where possible. A second run at the same time advances none."""
    return Report(sum(_advance(call_id, now, wall_ms) for call_id in queries.due(BEGUN_AT_ONCE, UNDER_WAY)))


def _advance(call_id: int, now: datetime, wall_ms: int) -> bool:
    """Make one step of a call; return whether one was due."""
    with transaction.atomic():
        call = operations.lock_call(call_id)
        if call is None:
            return False
        period = open_period(call.device_period_id)
        if period is None:
            operations.end(call, CallState.GIVEN_UP, [], now)
        elif call.state == CallState.ASKED:
            operations.begin(call, now, wall_ms)
        else:
            return _judge_answers(call, period, now, wall_ms)
        return True


def _judge_answers(call: CallRow, period: DevicePeriodRow, now: datetime, wall_ms: int) -> bool:
    answers = operations.answers(call)
    if answers is None:
        return False
    # Whatever the opening came to: its answer may be lost while the switch is open.
    if call.relay_test and Check.SWITCH_ON not in answers:
        operations.switch_on(call, now, wall_ms)
        return True
    outcomes = judge(answers, _expected(call, period, answers, now))
    if all(one.passed for one in outcomes):
        _pass(call, period, answers[Check.REGISTER], outcomes, now)
    else:
        operations.end(call, CallState.FAILED, outcomes, now)
        log.warning(
            "commissioning failed",
            meter=call.device.serial,
            checks={one.check.value: one.says for one in outcomes if not one.passed},
        )
    return True


def _pass(
    call: CallRow, period: DevicePeriodRow, register: Answer, outcomes: list[Outcome], now: datetime
) -> None:
    read = wh_of(register.evidence)
    assert read is not None, "the call has passed its checks"
    gas = call.service_point.commodity == Commodity.GAS
    operation = RecordCommissioning(
        call_id=call.id,
        # The meter's clock has whole seconds: at once after the installation it shows one before it.
        read_at=max(_read_at(register), period.valid_from),
        register_wh=None if gas else read,
        register_l=read if gas else None,
        firmware=next(one.found for one in outcomes if one.check is Check.FIRMWARE),
    )
    try:
        entry = perform(operation, recorded_at=now, actor=ACTOR, idempotency_key=f"commissioning:{call.id}")
    except RefusedError as refused:
        # The registry was changed meanwhile: its faults are the result of the call, which can be requested again.
        says = "; ".join(refused.faults)
        outcomes = [*outcomes, Outcome(Check.REGISTRY, passed=False, found=call.device.serial, says=says)]
        operations.end(call, CallState.FAILED, outcomes, now)
        return
    operations.end(call, CallState.PASSED, outcomes, now, entry.id)
    log.info("meter put into service", meter=call.device.serial, place=call.service_point.consumer_number)


def _read_at(register: Answer) -> datetime:
    """Return when the register was read, by the meter's own clock; when it was answered, where the head end says only that."""
    if (read_at := register.evidence.get("read_at")) is not None:
        return msgspec.convert(read_at, datetime)
    assert register.ended_at is not None, "the call has passed its checks"
    return register.ended_at


def _expected(
    call: CallRow, period: DevicePeriodRow, answers: dict[Check, Answer], now: datetime
) -> Expected:
    installation_read = nearest_reads(
        call.service_point_id, call.device_id, period.valid_from + timedelta.resolution
    )[0]
    hours = (now - period.valid_from + _SLACK) / timedelta(hours=1)
    return Expected(
        serial=call.device.serial,
        device_type=_type_of(call, answers.get(Check.FIRMWARE)),
        # A call of a commissioned meter is made because its firmware may have changed, so any is accepted.
        firmware="" if period.commissioned_at else call.device.firmware,
        register_wh=installation_read.register if installation_read is not None else 0,
        most_wh=int(call.device.max_power_w * hours),
        feeds_in=_feeds_in(call, now),
    )


def _feeds_in(call: CallRow, now: datetime) -> bool:
    agreement = agreement_at(call.service_point, now)
    return agreement is not None and agreement.terms_at(now).metering_mode == MeteringMode.NET


def _type_of(call: CallRow, firmware: Answer | None) -> DeviceType | None:
    """The meter's type for the firmware that it has reported, or is known with; None where no type is known."""
    reported = call.device.firmware
    if firmware is not None and firmware.confirmed:
        reported = text_of(firmware.evidence.get("value"))
    try:
        return known_type(call.device.device_type, reported)
    except UnknownMeterTypeError:
        return None
