"""Requests to one meter or many: each creates a job (`urja.apps.meter_jobs`), which the stage `meter_jobs` carries
out.

The meters are a list of serial and consumer numbers, or all meters placed under a node. A row that names no suitable
meter is a fault with its sentence; the other rows go ahead only with `good_rows_only`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final

from urja.apps.assets import meter_keys
from urja.apps.assets.kinds import DeviceRole
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.local_zone import local_zone
from urja.apps.meter_jobs import operations as jobs, queries
from urja.apps.meter_jobs.kinds import UNFINISHED, TaskState
from urja.apps.meter_jobs.models import Job
from urja.apps.meter_types.queries import known_types
from urja.apps.network.nodes import node_named
from urja.apps.people.models import Protection
from urja.apps.rulebook.queries.calendars import versions_of
from urja.apps.supply.models import Hold
from urja.base.sentences import Sentence, say
from urja.base.untyped_values import JsonObject
from urja.core.calendar import Period, local_day, midnight
from urja.core.calendars import Calendar, activity_tables, plain_tables
from urja.cosem.companion import DeviceType
from urja.usecases.kinds import meter_jobs
from urja.usecases.many_rows import RowRules
from urja.usecases.meter_targets import Target, meters_under, named_meters

MAX_METERS: Final = 5_000
"""Meters of one job."""
MAX_UNFINISHED: Final = 20_000
"""Meters of all unfinished jobs."""
_HOLIDAY_DAYS: Final = 366
"""Days ahead whose holidays a meter is given: its table of special days is short."""
MAX_MINUTES: Final = 7 * 24 * 60

_METERS: Final = RowRules(
    MAX_METERS,
    say("give either a list of serial or consumer numbers, or a node"),
    lambda most, count: say("a job has at most {most} meters, not {count}", most=most, count=count),
    say("no row names a suitable meter"),
    lambda count: say("{count} more rows name no suitable meter", count=count),
)


class MeterJobRequest(meter_jobs.MeterJobRequest, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if not self.reason.strip():
            yield say("give a reason")
        if not 1 <= self.good_for_minutes <= MAX_MINUTES:
            yield say(
                "a job is valid for 1 to {longest} minutes, not {asked}",
                longest=MAX_MINUTES,
                asked=self.good_for_minutes,
            )
        yield from self.own_faults(execution)
        if faults := list(_METERS.naming_faults(self.meters, self.under)):
            yield from faults
            return
        rows = self.targets(execution.recorded_at)
        yield from _METERS.row_faults(rows, good_rows_only=self.good_rows_only)
        if queries.unfinished() + len(rows) > MAX_UNFINISHED:
            yield say(
                "other jobs have {unfinished} unfinished meters, and at most {most} are allowed at once: wait for them, or cancel a job",
                unfinished=queries.unfinished(),
                most=MAX_UNFINISHED,
            )

    def targets(self, at: datetime) -> list[Target]:
        """Return the rows of the request, each with its meter, or with the fault of the row."""
        node = node_named(self.under) if self.under.strip() else None
        rows = named_meters(self.meters) if node is None else meters_under(node, at)
        return list(self._fit(rows, at))

    def _fit(self, rows: Sequence[Target], at: datetime) -> Iterator[Target]:
        unfit = self.unfit([row for row in rows if row.period is not None], at)
        for row in rows:
            fault = unfit.get(row.position)
            yield row if fault is None else replace(row, period=None, fault=fault)

    def own_faults(self, execution: Execution) -> Iterator[str]:
        """Yield faults of the request that do not depend on the meters."""
        raise NotImplementedError

    def unfit(self, rows: Sequence[Target], at: datetime) -> dict[int, Sentence]:  # noqa: ARG002 - the signature is shared
        """Return, by position, why this request does not suit a meter."""
        return {}

    def arguments(self, execution: Execution) -> dict[str, object]:
        """Return the request to each meter, as the job stores it."""
        raise NotImplementedError

    def carry_out(self, execution: Execution) -> None:
        rows = self.targets(execution.recorded_at)
        jobs.make(
            execution.id,
            self.kind(),
            self.arguments(execution),
            [row.row() for row in rows],
            reason=self.reason,
            actor=execution.actor,
            asked_at=execution.recorded_at,
            expires_at=execution.recorded_at + timedelta(minutes=self.good_for_minutes),
        )
        good = [row.period for row in rows if row.period is not None]
        if len(rows) == 1:
            execution.service_point_id = good[0].service_point_id
        execution.outcome |= {"job_id": execution.id, "meters": len(good), "refused": len(rows) - len(good)}


class ReadMeters(meter_jobs.ReadMeters, MeterJobRequest):
    usual: ClassVar[dict[str, timedelta]] = {
        "block": timedelta(days=1),
        "daily": timedelta(days=7),
        "power-events": timedelta(days=30),
        "tamper-events": timedelta(days=30),
    }
    """The profiles that have a period, and how far back one is read by default."""
    longest: ClassVar[dict[str, timedelta]] = {"block": timedelta(days=31)}
    longest_else: ClassVar[timedelta] = timedelta(days=400)

    def own_faults(self, execution: Execution) -> Iterator[str]:
        if self.what not in self.usual:
            if self.from_at is not None or self.to_at is not None:
                yield say("{what} has no period: leave the period out", what=self.what)
            return
        from_at, to_at = self.period(execution.recorded_at)
        longest = self.longest.get(self.what, self.longest_else)
        if from_at >= to_at:
            yield say(
                "the period ends at {to_at}, before it begins at {from_at}",
                to_at=to_at.isoformat(),
                from_at=from_at.isoformat(),
            )
        elif from_at > execution.recorded_at:
            yield say("the period begins in the future: at {from_at}", from_at=from_at.isoformat())
        elif to_at - from_at > longest:
            yield say(
                "{what} can be read for at most {days} days: request a shorter period",
                what=self.what,
                days=longest.days,
            )

    def unfit(self, rows: Sequence[Target], at: datetime) -> dict[int, Sentence]:  # noqa: ARG002 - the signature is shared
        """A meter whose type is not known here is judged by the head end."""
        if self.what == "calendar":
            return _without_zones(rows)
        if self.what != "billing-profile":
            return {}
        types = known_types()
        devices = {row.position: row.period.device for row in rows if row.period is not None}
        return {
            position: say(
                "meter {device} has no billing profile: its type is {type}",
                device=device,
                type=device.device_type,
            )
            for position, device in devices.items()
            if device.device_type in types and "billing" not in types[device.device_type].profiles
        }

    def period(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the period that is read."""
        to_at = self.to_at or now
        return self.from_at or to_at - self.usual.get(self.what, timedelta()), to_at

    def arguments(self, execution: Execution) -> dict[str, object]:
        from_at, to_at = self.period(execution.recorded_at)
        if self.what == "block":
            # A meter stamps an interval with its end: the one stamped with the period's start lies before the period.
            from_at += timedelta(seconds=1)
        return {"what": self.what, "from_at": from_at.isoformat(), "to_at": to_at.isoformat()}


class SetClocks(meter_jobs.SetClocks, MeterJobRequest):
    def own_faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        return iter(())

    def arguments(self, execution: Execution) -> JsonObject:  # noqa: ARG002 - the signature is shared
        return {}


def _without_zones(rows: Sequence[Target]) -> dict[int, Sentence]:
    """Return, by position, the faults of meters that count no tariff zones.

    A meter whose type is not known here is judged by the head end.
    """
    types = known_types()
    devices = {row.position: row.period.device for row in rows if row.period is not None}
    return {
        position: say(
            "meter {device} counts no tariff zones: its type is {type}",
            device=device,
            type=device.device_type,
        )
        for position, device in devices.items()
        if device.device_type in types and not types[device.device_type].zones
    }


class SetCalendars(meter_jobs.SetCalendars, MeterJobRequest):
    def own_faults(self, execution: Execution) -> Iterator[str]:
        today = local_day(execution.recorded_at, local_zone())
        if self.from_day is not None and self.from_day <= today:
            yield say("a calendar comes into force on a later day than {today}, or at once", today=today)
        if self._version(execution) is None:
            yield say(
                "there is no calendar {code} in force on that day: urja calendar load",
                code=self.calendar_code,
            )

    def unfit(self, rows: Sequence[Target], at: datetime) -> dict[int, Sentence]:  # noqa: ARG002 - the signature is shared
        return _without_zones(rows)

    def _version(self, execution: Execution) -> Calendar | None:
        day = self.from_day or local_day(execution.recorded_at, local_zone())
        in_force = [one for one in versions_of(self.calendar_code) if one.valid_from <= day]
        return in_force[-1] if in_force else None

    def arguments(self, execution: Execution) -> JsonObject:
        calendar = self._version(execution)
        assert calendar is not None, "checked by own_faults"
        day = self.from_day or local_day(execution.recorded_at, local_zone())
        tables = activity_tables(calendar, Period(day, day + timedelta(days=_HOLIDAY_DAYS)))
        at = None if self.from_day is None else midnight(self.from_day, local_zone()).isoformat()
        # The name that the meter shows says which document it is: the registers count by it.
        return {"name": calendar.sha256[:8], "tables": plain_tables(tables), "activate_at": at}


class ResetDemands(meter_jobs.ResetDemands, MeterJobRequest):
    def own_faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        return iter(())

    def unfit(self, rows: Sequence[Target], at: datetime) -> dict[int, Sentence]:  # noqa: ARG002 - the signature is shared
        return _without_zones(rows)

    def arguments(self, execution: Execution) -> JsonObject:  # noqa: ARG002 - the signature is shared
        return {}


class ChangeKeys(meter_jobs.ChangeKeys, MeterJobRequest):
    def own_faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from ()

    def unfit(self, rows: Sequence[Target], at: datetime) -> dict[int, Sentence]:  # noqa: ARG002 - the signature is shared
        devices = {row.position: row.period.device_id for row in rows if row.period is not None}
        known = meter_keys.with_master_key(devices.values())
        busy = queries.under_way(self.kind(), devices.values())
        unfit = {
            position: say(
                "the meter's master key is not known: load it with the file of devices (master_key)"
            )
            for position, device_id in devices.items()
            if device_id not in known
        }
        return unfit | {
            position: say(
                "job {job} is giving the meter new keys: wait until it has ended, or cancel it",
                job=busy[device_id],
            )
            for position, device_id in devices.items()
            if device_id in busy
        }

    def arguments(self, execution: Execution) -> JsonObject:  # noqa: ARG002 - the signature is shared
        return {}


class ShowText(meter_jobs.ShowText, MeterJobRequest):
    def own_faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not (self.text.isascii() and (self.text == "" or self.text.isprintable())):
            yield say(
                "a display shows only ASCII letters, digits and punctuation: write the text with them, in one line"
            )

    def unfit(self, rows: Sequence[Target], at: datetime) -> dict[int, Sentence]:  # noqa: ARG002 - the signature is shared
        types = known_types()
        found = {
            row.position: self._unfit(row.period.device, types) for row in rows if row.period is not None
        }
        return {position: fault for position, fault in found.items() if fault is not None}

    def _unfit(self, device: Device, types: Mapping[str, DeviceType]) -> Sentence | None:
        """Return why a display cannot show the text; one of a type that is no longer known here is judged by the head end."""
        known = types.get(device.device_type)
        if known is None:
            return None
        if known.display is None:
            return say(
                "meter {device} cannot show texts: its type is {type}", device=device, type=device.device_type
            )
        if len(self.text) > known.display.characters:
            return say(
                "the display of {device} shows at most {characters} characters, and the text has {length}",
                device=device,
                characters=known.display.characters,
                length=len(self.text),
            )
        return None

    def arguments(self, execution: Execution) -> JsonObject:  # noqa: ARG002 - the signature is shared
        return {"text": self.text}


class TestRelays(meter_jobs.TestRelays, MeterJobRequest):
    def own_faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        return iter(())

    def unfit(self, rows: Sequence[Target], at: datetime) -> dict[int, Sentence]:
        tested = _Tested.of([row.period for row in rows if row.period is not None], at)
        found = {row.position: tested.fault(row.period) for row in rows if row.period is not None}
        return {position: fault for position, fault in found.items() if fault is not None}

    def arguments(self, execution: Execution) -> JsonObject:  # noqa: ARG002 - the signature is shared
        return {}

    def consumer_numbers(self, at: datetime) -> list[str]:
        """Return the supplies that are disconnected for a moment."""
        return [
            row.period.service_point.consumer_number for row in self.targets(at) if row.period is not None
        ]


@dataclass(frozen=True, slots=True)
class _Tested:
    """The state of the service points whose relays are to be tested."""

    supplied: frozenset[int]
    protected: Mapping[int, str]
    held: Mapping[int, str]
    under_way: Mapping[int, int]

    @classmethod
    def of(cls, periods: Sequence[DevicePeriod], at: datetime) -> "_Tested":
        service_points = [period.service_point_id for period in periods]
        agreed = Agreement.objects.filter(service_point_id__in=service_points, valid_from__lte=at).exclude(
            valid_to__lte=at
        )
        customers = dict(agreed.values_list("service_point_id", "customer_id"))
        protected = Protection.objects.filter(person_id__in=customers.values(), valid_from__lte=at)
        kinds = dict(protected.exclude(valid_to__lte=at).values_list("person_id", "kind"))
        held = Hold.objects.filter(service_point_id__in=service_points, released_at=None)
        return cls(
            supplied=frozenset(customers),
            protected={service_point: kinds[who] for service_point, who in customers.items() if who in kinds},
            held=dict(held.order_by("-placed_at").values_list("service_point_id", "reason")),
            under_way=queries.under_way(TestRelays.kind(), [period.device_id for period in periods]),
        )

    def fault(self, period: DevicePeriod) -> Sentence | None:
        service_point, device = period.service_point, period.device
        if not device.load_switch:
            return say("meter {device} has no relay to test", device=device)
        if period.role != DeviceRole.BILLING:
            return say(
                "meter {device} is not the billing meter of {service_point}: its relay switches no supply",
                device=device,
                service_point=service_point,
            )
        if period.commissioned_at is None or service_point.id not in self.supplied:
            return say(
                "no consumer is supplied at {service_point}: commissioning tests its relay",
                service_point=service_point,
            )
        if (kind := self.protected.get(service_point.id)) is not None:
            return say(
                "the consumer of {service_point} is protected ({kind}): no relay test disconnects them",
                service_point=service_point,
                kind=kind,
            )
        if (reason := self.held.get(service_point.id)) is not None:
            return say(
                "{service_point} is disconnected for {reason}: a relay test would reconnect it",
                service_point=service_point,
                reason=reason,
            )
        if (job := self.under_way.get(device.id)) is not None:
            return say(
                "job {job} is testing the relay of {service_point}", service_point=service_point, job=job
            )
        return None


class CancelMeterJob(meter_jobs.CancelMeterJob, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason")
        job = Job.objects.filter(id=self.job_id).first()
        if job is None:
            yield say("there is no job {job}", job=self.job_id)
        elif job.cancelled_at is not None:
            yield say("job {job} was cancelled already", job=self.job_id)
        elif not self.can_be_cancelled(job):
            yield say("job {job} has no pending rows: all were sent", job=self.job_id)

    def can_be_cancelled(self, job: Job) -> bool:
        """Return whether any row can still be cancelled."""
        waits = UNFINISHED if job.kind == TestRelays.kind() else (TaskState.WAITING,)
        return job.ended_at is None and job.tasks.filter(state__in=waits).exists()

    def carry_out(self, execution: Execution) -> None:
        job = Job.objects.select_for_update().get(id=self.job_id)
        cancelled = jobs.cancel(job, actor=execution.actor, at=execution.recorded_at)
        execution.outcome |= {"job_id": job.id, "cancelled": cancelled}
