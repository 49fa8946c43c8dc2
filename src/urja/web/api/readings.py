"""What the meters of an agreement have measured: intervals, billing determinants, and totals of their own."""

from datetime import date, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from urja.apps.contracts import queries as contracts
from urja.apps.determinants.queries import GasConversion, calendars_of_meters, gas_conversion, of_period
from urja.apps.meter_jobs.queries import compare_calendar
from urja.apps.overviews.queries import service_points
from urja.apps.readings.kinds import Status
from urja.apps.readings.queries.billing_profiles import billing_profiles
from urja.apps.readings.queries.intervals import LONGEST, intervals
from urja.quantities.catalogue import BY_NAME
from urja.web.api import reading_answers, resources
from urja.web.api.billed_amounts import litres, wh
from urja.web.api.lists import local
from urja.web.api.problems import ProblemError
from urja.web.api.recorded_reads import note_read
from urja.web.api.routes import Ask, Query
from urja.web.shared.clock import zone


class ReadingsQuery(Query, frozen=True, kw_only=True):
    begins_at: Annotated[datetime, Meta(tz=True, description="start of the first interval, at the earliest")]
    ends_at: Annotated[datetime, Meta(tz=True, description="end of the last interval, at most 31 days later")]


def readings(ask: Ask) -> reading_answers.Readings:
    """Return the readings of an agreement's intervals (Wh of electricity, litres of gas). Raises ProblemError for more than 31 days, or for none."""
    query: ReadingsQuery = ask.query
    length = query.ends_at - query.begins_at
    if length <= timedelta(0):
        raise ProblemError("bad-request", "begins_at has to be before ends_at")
    if length > LONGEST:
        days = -(-length // timedelta(days=1))
        raise ProblemError(
            "bad-request",
            f"begins_at to ends_at may be {LONGEST.days} days at most, not {days}: request it in parts",
        )
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    note_read(ask, agreement)
    return reading_answers.Readings(
        agreement_id=agreement.id,
        begins_at=local(query.begins_at),
        ends_at=local(query.ends_at),
        items=[
            reading_answers.Interval(
                start_at=local(one.start_at),
                length_s=one.length_s,
                import_wh=wh(one.import_wh, agreement.commodity),
                export_wh=one.export_wh,
                volume_l=litres(one.import_wh, agreement.commodity),
                status=Status(one.status).name.lower(),
                device_id=one.device_id,
            )
            for one in intervals(agreement, query.begins_at, query.ends_at)
        ],
    )


class DeterminantsQuery(Query, frozen=True, kw_only=True):
    day: Annotated[date, Meta(description="a local day of the billing period")]


def determinants(ask: Ask) -> reading_answers.Determinants:
    """Return the determinants of an agreement in the billing period with a day, in the units that they name."""
    query: DeterminantsQuery = ask.query
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    note_read(ask, agreement)
    rows = of_period(agreement.id, query.day)
    return reading_answers.Determinants(
        agreement_id=agreement.id,
        period_from=rows[-1].period.first if rows else None,
        period_to=rows[-1].period.end if rows else None,
        items=[
            reading_answers.DeterminantsRow(
                as_of=row.as_of,
                version=row.version,
                determinants=[
                    reading_answers.Determinant(
                        name=one.name,
                        unit=one.unit,
                        value=one.value,
                        origin=one.origin.name.lower(),
                        estimated=one.estimated,
                        change=one.change,
                    )
                    for one in row.determinants
                ],
                load_factor_permille=row.load_factor_permille,
                known_from=local(row.known_from_at),
                known_to=None if row.known_to_at is None else local(row.known_to_at),
                reads=[
                    reading_answers.RegisterKey(
                        device_id=key.device_id,
                        read_at=local(key.read_at),
                        kind=key.kind,
                        version=key.version,
                    )
                    for key in row.read_keys
                ],
                intervals=row.intervals,
                intervals_hash=row.intervals_hash,
                rules=row.rules,
                gas=_gas(gas_conversion(row)),
                notes=row.notes,
                sha256=row.sha256,
                calculated_at=local(row.calculated_at),
            )
            for row in rows
        ],
    )


def _gas(found: GasConversion | None) -> reading_answers.GasConversion | None:
    if found is None:
        return None
    return reading_answers.GasConversion(
        registers=[
            reading_answers.GasRegister(
                device_id=device_id,
                conditions=register.conditions,
                temperature_dc=register.temperature_dc,
                pressure_pa=register.pressure_pa,
            )
            for device_id, register in found.registers.items()
        ],
        heat_values=[
            reading_answers.HeatValuesUsed(
                valid_from=span.first,
                code=span.document.code if span.document else None,
                version=span.document.version if span.document else None,
                sha256=span.document.sha256 if span.document else None,
                area=span.zone.area if span.zone else None,
                basis=span.document.basis if span.document else None,
                base_temperature_dc=span.document.base.temperature_dc if span.document else None,
                base_pressure_pa=span.document.base.pressure_pa if span.document else None,
                supply_temperature_dc=span.zone.supply.temperature_dc if span.zone else None,
                supply_pressure_pa=span.zone.supply.pressure_pa if span.zone else None,
                values=[
                    reading_answers.HeatOfDays(valid_from=first, joules_per_m3=value.joules_per_m3)
                    for first, value in span.values
                ],
            )
            for span in found.spans
        ],
    )


def own_totals(ask: Ask) -> reading_answers.BillingProfiles:
    """Return the stored billing profiles of an agreement's time, and the calendars that its present meters hold."""
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    note_read(ask, agreement)
    until = ask.now if agreement.valid_to is None else min(ask.now, agreement.valid_to)
    periods = service_points.installations(agreement.service_point_id)
    present = [period.device_id for period in periods if period.valid_to is None and until == ask.now]
    return reading_answers.BillingProfiles(
        agreement_id=agreement.id,
        items=[
            reading_answers.BillingProfile(
                device_id=one.device_id,
                ended_at=local(one.ended_at),
                by_date=one.by_date,
                registers=[
                    reading_answers.RegisterValue(name=name, unit=BY_NAME[name].unit, value=value)
                    for name, value in one.values.items()
                ],
                zone_residuals=dict(one.residuals),
            )
            for one in billing_profiles(
                agreement.service_point_id,
                {period.device_id for period in periods},
                agreement.valid_from,
                until,
                zone(),
            )
        ],
        calendars=[
            reading_answers.MeterCalendar(
                device_id=device_id,
                held_at=local(newest.held_at),
                was_set=newest.was_set,
                name=newest.name,
                compared=compared.result.value,
                differs_from=None if compared.first_day is None else compared.code,
                first_difference=compared.first_day,
            )
            for device_id, (*_, newest) in calendars_of_meters(present).items()
            for compared in (compare_calendar(agreement.service_point_id, newest.tables, ask.now),)
        ],
    )
