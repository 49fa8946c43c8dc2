"""Readings, totals and money by the API. A load curve and a ledger are personal: whose they are is written down."""

from datetime import date, datetime, timedelta
from typing import Annotated

import msgspec
from django.contrib.auth import get_user_model
from django.db.models import Q
from msgspec import Meta

from urja.apps.billing import queries as billing
from urja.apps.books.queries import currencies
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import GasConversion, calendars_of_meters, gas_conversion, of_period
from urja.apps.identity.queries import personal_reads
from urja.apps.identity.requests import record_personal_reads
from urja.apps.maintenance.queries import account_beside
from urja.apps.meter_jobs.queries import compare_calendar
from urja.apps.network.kinds import Commodity
from urja.apps.notices.queries import notices_of
from urja.apps.overviews.queries import areas, paging, premises, registry, service_points, subsidy_claims
from urja.apps.overviews.queries.registry import (
    AccessRow,
    PersonRow,
    PremiseRow,
    ServicePointRow,
)
from urja.apps.proofs import queries as proofs
from urja.apps.readings.kinds import Status
from urja.apps.readings.queries.billing_profiles import billing_profiles
from urja.apps.readings.queries.intervals import LONGEST, ServicePointMonth, intervals, month_by_service_point
from urja.apps.readings.queries.power import billing_meter_power
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.queries.prices import prices_of_day
from urja.apps.statements import queries as statements
from urja.apps.supply import queries as supply
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.core.arrears import total_owed
from urja.core.calendar import local_day, midnight
from urja.core.calendars import UncoveredDayError
from urja.core.calendars.zones import clock_text
from urja.core.power import Powered
from urja.core.units import exact_text
from urja.quantities.catalogue import BY_NAME
from urja.web.api import answers, lists, resources
from urja.web.api.lists import Number, local
from urja.web.api.problems import ProblemError
from urja.web.api.routes import Ask, Query
from urja.web.shared import power_words as powers, review_words, standing as standings
from urja.web.shared.account_card import account_of
from urja.web.shared.clock import zone

# -- readings ----------------------------------------------------------------------------------------------------


class ReadingsQuery(Query, frozen=True, kw_only=True):
    begins_at: Annotated[datetime, Meta(tz=True, description="start of the first interval, at the earliest")]
    ends_at: Annotated[datetime, Meta(tz=True, description="end of the last interval, at most 31 days later")]


def readings(ask: Ask) -> answers.Readings:
    """Return the readings of an agreement's intervals (Wh of electricity, litres of gas). Raises ProblemError for more than 31 days."""
    query: ReadingsQuery = ask.query
    length = query.ends_at - query.begins_at
    if not timedelta(0) < length <= LONGEST:
        raise ProblemError(
            "bad-request",
            f"begins_at to ends_at may be {LONGEST.days} days at most, not {length}: request it in parts",
        )
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    _note(ask, agreement)
    return answers.Readings(
        agreement_id=agreement.id,
        begins_at=local(query.begins_at),
        ends_at=local(query.ends_at),
        items=[
            answers.Interval(
                start_at=local(one.start_at),
                length_s=one.length_s,
                import_wh=_wh(one.import_wh, agreement.commodity),
                export_wh=one.export_wh,
                volume_l=_litres(one.import_wh, agreement.commodity),
                status=Status(one.status).name.lower(),
                device_id=one.device_id,
            )
            for one in intervals(agreement, query.begins_at, query.ends_at)
        ],
    )


class DeterminantsQuery(Query, frozen=True, kw_only=True):
    day: Annotated[date, Meta(description="a local day of the billing period")]


def determinants(ask: Ask) -> answers.Determinants:
    """Return the determinants of an agreement in the billing period with a day, in the units that they name."""
    query: DeterminantsQuery = ask.query
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    _note(ask, agreement)
    rows = of_period(agreement.id, query.day)
    return answers.Determinants(
        agreement_id=agreement.id,
        period_from=rows[-1].period.first if rows else None,
        period_to=rows[-1].period.end if rows else None,
        items=[
            answers.DeterminantsRow(
                as_of=row.as_of,
                version=row.version,
                determinants=[
                    answers.Determinant(
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
                    answers.RegisterKey(
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


def units(ask: Ask) -> answers.BankedUnits:
    """Return what an agreement has banked, in Wh; nothing before it has any. Raises ProblemError where its tariff is not loaded."""
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    _note(ask, agreement)
    try:
        return _units(agreement, billing.banked_units(agreement, local_day(ask.now, zone())))
    except UnknownTariffError as error:
        raise ProblemError("no-tariff", str(error)) from error


def _units(agreement: Agreement, found: billing.BankedUnits | None) -> answers.BankedUnits:
    if found is None:
        return answers.BankedUnits(agreement_id=agreement.id, settles_on=None, settles_at_end=False, items=[])
    return answers.BankedUnits(
        agreement_id=agreement.id,
        settles_on=found.settles_on,
        settles_at_end=found.settles_at_end,
        items=[
            answers.UnitsOfBank(
                period_from=each.period_start,
                period_to=found.period_ends.get(each.period_start),
                as_of=each.as_of,
                zone=found.zones.get(each.row.zone, str(each.row.zone)) if each.row.zone else None,
                version=each.version,
                opening_wh=each.row.opening_wh,
                imported_wh=each.row.imported_wh,
                exported_wh=each.row.exported_wh,
                used_wh=each.row.used_wh,
                settled_wh=each.row.settled_wh,
                closing_wh=each.row.closing_wh,
            )
            for each in found.stored
        ],
    )


def _gas(found: GasConversion | None) -> answers.GasConversion | None:
    if found is None:
        return None
    return answers.GasConversion(
        registers=[
            answers.GasRegister(
                device_id=device_id,
                conditions=register.conditions,
                temperature_dc=register.temperature_dc,
                pressure_pa=register.pressure_pa,
            )
            for device_id, register in found.registers.items()
        ],
        heat_values=[
            answers.HeatValuesUsed(
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
                    answers.HeatOfDays(valid_from=first, joules_per_m3=value.joules_per_m3)
                    for first, value in span.values
                ],
            )
            for span in found.spans
        ],
    )


def own_totals(ask: Ask) -> answers.BillingProfiles:
    """Return the stored billing profiles of an agreement's time, and the calendars that its present meters hold."""
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    _note(ask, agreement)
    until = ask.now if agreement.valid_to is None else min(ask.now, agreement.valid_to)
    periods = service_points.installations(agreement.service_point_id)
    present = [period.device_id for period in periods if period.valid_to is None and until == ask.now]
    return answers.BillingProfiles(
        agreement_id=agreement.id,
        items=[
            answers.BillingProfile(
                device_id=one.device_id,
                ended_at=local(one.ended_at),
                by_date=one.by_date,
                registers=[
                    answers.RegisterValue(name=name, unit=BY_NAME[name].unit, value=value)
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
            answers.MeterCalendar(
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


def _note(ask: Ask, agreement: Agreement) -> None:
    """Record a read of a consumer's use or money, unless the account is the caller's own."""
    if agreement.customer_id is not None and agreement.account_id not in ask.area.accounts:
        record_personal_reads(ask.caller, [agreement.customer_id], ask.what, ask.now)


def _wh(amount: int | None, commodity: str) -> int | None:
    """Return an amount that bills electricity; None for another commodity."""
    return amount if commodity == Commodity.ELECTRICITY else None


def _litres(amount: int | None, commodity: str) -> int | None:
    """Return an amount that bills gas; None for another commodity."""
    return amount if commodity == Commodity.GAS else None


# -- prices ------------------------------------------------------------------------------------------------------


class PricesQuery(Query, frozen=True, kw_only=True):
    day: Annotated[date, Meta(description="a local day")]


def day_prices(ask: Ask) -> answers.DayPrices:
    """Return the prices of a day by time zones; empty of a tariff without zones, or whose calendar begins later."""
    query: PricesQuery = ask.query
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    code = agreement.terms_at(midnight(query.day, zone())).tariff_code
    try:
        found = prices_of_day(code, query.day)
    except UncoveredDayError:
        found = None
    used = found.tariff if found else None
    return answers.DayPrices(
        agreement_id=agreement.id,
        day=query.day,
        tariff=answers.TariffUsed(code=used.code, version=used.version, sha256=used.sha256) if used else None,
        calendar=f"{found.calendar.code} {found.calendar.version}" if found else None,
        currency=used.currency if used else None,
        items=[
            answers.PriceSpan(
                begins=clock_text(span.from_minute),
                ends=clock_text(span.to_minute),
                zone=span.rate.name,
                title=span.title,
                price_minor=None if span.rate.price is None else exact_text(span.rate.price),
                percent=exact_text(span.rate.percent * 100),
                unit=span.rate.unit,
            )
            for span in (found.spans if found else ())
        ],
    )


# -- totals ------------------------------------------------------------------------------------------------------


class TotalsQuery(Query, frozen=True, kw_only=True):
    premise: Annotated[
        Number, Meta(description="number of a society, complex, tower or flat; its parts are included")
    ]
    month: Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="a local month: 2026-03")]


def totals(ask: Ask) -> answers.Totals:
    query: TotalsQuery = ask.query
    premise = _premise(ask, query.premise)
    month = date.fromisoformat(f"{query.month}-01")
    points = premises.service_points(premise.id, "consumer_number")
    used = {
        one.service_point_id: one for one in month_by_service_point([point.id for point in points], month)
    }

    def summed(purpose: str, commodity: str) -> int:
        return sum(
            used[point.id].energy_wh or 0
            for point in points
            if point.purpose == purpose and point.commodity == commodity
        )

    return answers.Totals(
        premise_id=premise.id,
        premise=premise.name,
        month=query.month,
        consumers_wh=summed("consumer", Commodity.ELECTRICITY),
        common_area_wh=summed("common_area", Commodity.ELECTRICITY),
        bulk_wh=summed("bulk", Commodity.ELECTRICITY),
        dg_wh=summed("dg", Commodity.ELECTRICITY),
        consumers_l=summed("consumer", Commodity.GAS),
        common_area_l=summed("common_area", Commodity.GAS),
        bulk_l=summed("bulk", Commodity.GAS),
        service_points_without_data=sum(1 for point in points if used[point.id].energy_wh is None),
        parts=_parts(premise, points, used),
        service_points=[_place_of_totals(point, used[point.id]) for point in points],
    )


def _premise(ask: Ask, premise_id: int) -> PremiseRow:
    inside = areas.holds_premise(ask.area, premise_id, ask.now)
    found = premises.premise(premise_id)
    if found is None or not inside:
        if found is not None:
            lists.refused(ask)
        raise ask.missing(f"premise {premise_id}")
    return found


def _parts(
    premise: PremiseRow, points: list[ServicePointRow], used: dict[int, ServicePointMonth]
) -> list[answers.PremiseTotals]:
    """The premises right below, each with what is in it: each service point is in one of them or in none."""
    above = premises.parents(premise.id)

    def part_of(premise_id: int) -> int | None:
        at: int | None = premise_id
        while at is not None and at != premise.id and above.get(at) != premise.id:
            at = above.get(at)
        return None if at == premise.id else at

    used_by: dict[int, list[tuple[str, int]]] = {}
    for point in points:
        part = part_of(point.premise_id)
        if part is not None and point.purpose in {"consumer", "common_area"}:
            used_by.setdefault(part, []).append((point.commodity, used[point.id].energy_wh or 0))
    return [
        answers.PremiseTotals(
            premise_id=part.id,
            premise=part.name,
            kind=part.kind,
            energy_wh=sum(_wh(amount, commodity) or 0 for commodity, amount in used_by.get(part.id, [])),
            volume_l=sum(_litres(amount, commodity) or 0 for commodity, amount in used_by.get(part.id, [])),
            service_points=len(used_by.get(part.id, [])),
        )
        for part in premises.parts(premise.id)
    ]


def _place_of_totals(point: ServicePointRow, used: ServicePointMonth) -> answers.ServicePointTotals:
    return answers.ServicePointTotals(
        service_point_id=point.id,
        consumer_number=point.consumer_number,
        purpose=point.purpose,
        premise_id=point.premise_id,
        premise=point.premise.name,
        part_of=point.premise.parent_id,
        commodity=point.commodity,
        energy_wh=_wh(used.energy_wh, point.commodity),
        estimated_wh=_wh(used.estimated_wh, point.commodity),
        volume_l=_litres(used.energy_wh, point.commodity),
        estimated_l=_litres(used.estimated_wh, point.commodity),
    )


# -- money -------------------------------------------------------------------------------------------------------


def balance(ask: Ask) -> answers.Balance:
    """Return an account's balance in minor units. Raises ProblemError where its tariff is not loaded."""
    agreement = _account(ask)
    try:
        fresh = billing.fresh_balance(agreement.account_id, ask.now, agreement)
    except UnknownTariffError as error:
        raise ProblemError("no-tariff", str(error)) from error
    known = _known(agreement.account_id, ask.now)
    view = standings.standing(known) if known else None
    return answers.Balance(
        account_id=agreement.account_id,
        balance_minor=fresh.balance_minor,
        currency=fresh.currency,
        as_of=local(fresh.as_of),
        posted_minor=fresh.ledger_minor,
        pending_minor=fresh.pending_minor,
        credits_minor=fresh.credits_minor,
        estimated_wh=_wh(fresh.estimated_wh, agreement.commodity),
        estimated_l=_litres(fresh.estimated_wh, agreement.commodity),
        days_left=None if fresh.days_left is None else round(float(fresh.days_left), 2),
        reserve_minor=fresh.reserve_minor,
        reserves=[
            answers.Reserve(
                settles_on=reserve.settles_on,
                amount_minor=reserve.minor,
                lines=[
                    answers.ReserveLine(title=title, amount_minor=minor) for title, minor in reserve.lines
                ],
            )
            for reserve in fresh.reserves
        ],
        dues_minor=total_owed(billing.dues(agreement.account_id)),
        instalments=_instalments(agreement.account_id, ask.now),
        deposits=_deposits(agreement),
        supply=view.supply if view else "unknown",
        power=_power(agreement, known, ask.now),
        review=_review(agreement.account_id, ask.now),
        not_charged=[
            answers.NotCharged(
                agreement_id=one.agreement_id,
                period_from=one.period_start,
                period_to=one.period_end,
                amount_minor=one.amount_minor,
                months=one.months,
                cause=one.cause,
                policy=one.policy,
                recorded_at=local(one.recorded_at),
                sentence=review_words.refused_sentence(one),
            )
            for one in billing.refused_charges(agreement.account_id)
        ],
        standing=view.standing if view else None,
        sentence=view.text if view else None,
    )


def _deposits(agreement: Agreement) -> answers.SecurityDeposits:
    found = billing.security_deposits(agreement.id)
    return answers.SecurityDeposits(
        held_minor=found.held_minor,
        due=[answers.DepositDue(due_on=day, amount_minor=minor) for day, minor in found.due],
    )


def _review(account_id: int, now: datetime) -> answers.Review | None:
    review = billing.newest_review(account_id)
    if review is None:
        return None
    return answers.Review(
        id=review.id,
        day=review.day,
        charge_minor=review.charge_minor,
        usual_minor=review.mean_minor,
        opened_at=local(review.opened_at),
        due_at=local(review.due_at),
        ends_at=local(review.ends_at),
        ended_at=None if review.ended_at is None else local(review.ended_at),
        outcome=review.outcome or None,
        credited_minor=review.credited_minor,
        sentence=review_words.review_sentence(review, now),
    )


def _instalments(account_id: int, now: datetime) -> answers.Instalments | None:
    plan = billing.plan(account_id, now)
    if plan is None:
        return None
    return answers.Instalments(
        every=plan.every, amount_minor=plan.amount_minor, valid_from=local(plan.valid_from)
    )


def _power(agreement: Agreement, known: AccountSnapshot | None, now: datetime) -> answers.Power | None:
    meter = billing_meter_power(agreement.service_point_id, now)
    if meter is None:
        return None
    account_id = agreement.account_id
    relay = powers.opened(known) if known else powers.opened_when_decided(supply.standing(account_id))
    power = powers.with_relay(meter, relay)
    said = powers.shown(power, now, agreement.commodity)
    return answers.Power(
        state=said.state,
        since=local(None if isinstance(power, Powered) else power.since),
        last_heard_at=local(power.heard_at if isinstance(power, Powered) else None),
        reasons=sorted(relay.holds) if relay else [],
        at_meter=powers.shown(meter, now).state,
        sentence=said.text,
    )


def _known(account_id: int, now: datetime) -> AccountSnapshot | None:
    """Return the account as the portal shows it to its user; None without one."""
    user = registry.user_of(account_id)
    card = None if user is None else account_of(user, account_id, now)
    return None if card is None else standings.known_of(card, now)


def _account(ask: Ask) -> Agreement:
    """The agreement of an account in the area: of now, or its last; whose it is is written down."""
    rows = registry.agreements(Q(), account_id=ask.parts["id"])
    lists.one(ask, rows, areas.agreements(ask.area, ask.now), f"account {ask.parts['id']}")
    agreement = contracts.agreement_at(ask.parts["id"], ask.now)
    if agreement is None:
        (agreement,) = contracts.agreements(one.id for one in paging.page(rows, 1, key="valid_from"))
    _note(ask, agreement)
    return agreement


def entries(ask: Ask) -> answers.Page[answers.Entry]:
    account_id = _account(ask).account_id
    found = billing.entries(account_id, ask.query.limit + 1, lists.last_seen(ask, int))
    return lists.page_of(ask, found, lambda shown: [entry_of(one) for one in shown], lambda one: one.seq)


def entry(ask: Ask) -> answers.EntryWithArithmetic:
    agreement, seq = _account(ask), ask.parts["seq"]
    account_id, commodity = agreement.account_id, agreement.commodity
    why = billing.explain_entry(account_id, seq)
    if why is None:
        raise ask.missing(f"entry {seq} of account {account_id}")
    return answers.EntryWithArithmetic(
        entry=entry_of(why.entry),
        rows=[
            answers.Row(
                label=row.label,
                quantity=exact_text(row.quantity),
                unit=row.unit,
                rate_minor=exact_text(row.rate),
                amount_minor=row.amount_minor,
            )
            for row in why.rows
        ],
        opening=None if why.opening is None else _read_of(why.opening, commodity),
        reads=[_read_of(read, commodity) for read in why.reads],
        tariffs=[
            answers.TariffUsed(code=used.code, version=used.version, sha256=used.sha256)
            for used in why.tariffs
        ],
        advance_wh=_wh(why.advance_wh, commodity),
        energy_wh=_wh(why.energy_wh, commodity),
        blocks_wh=_wh(why.blocks_wh, commodity),
        residual_wh=_wh(why.residual_wh, commodity),
        advance_l=_litres(why.advance_wh, commodity),
        volume_l=_litres(why.energy_wh, commodity),
        blocks_l=_litres(why.blocks_wh, commodity),
        residual_l=_litres(why.residual_wh, commodity),
        units=[
            answers.UnitsOfCharge(
                zone=zone_name or None,
                opening_wh=row.opening_wh,
                imported_wh=row.imported_wh,
                exported_wh=row.exported_wh,
                used_wh=row.used_wh,
                settled_wh=row.settled_wh,
                closing_wh=row.closing_wh,
            )
            for zone_name, row in why.units
        ],
        shares=[
            answers.ShareOfCommonAreas(
                quantity=one.quantity,
                by=one.share,
                common_areas_wh=one.energy_wh,
                own_wh=one.own_wh,
                share=None if one.fraction is None else str(one.fraction),
            )
            for one in why.shares
        ],
        provisional=why.provisional,
        notes=list(why.notes),
        cause=why.cause,
        faults=list(why.faults),
    )


class ProofQuery(Query, frozen=True, kw_only=True):
    """Of a statement that proves itself."""

    before: Annotated[int, Meta(ge=0, description="only entries before this number; 0: the newest")] = 0


def subsidy_claim(ask: Ask) -> answers.SubsidyClaim:
    """Return the claim of a month; of the whole utility only."""
    text = ask.parts["month"]
    try:
        month = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise ask.missing(f"claim {text}") from None
    if not ask.area.everywhere:
        raise ask.missing(f"claim {text}")
    found = subsidy_claims.to_json(subsidy_claims.claim(month, ask.now, zone()))
    return msgspec.convert(found, answers.SubsidyClaim)


def entry_proof(ask: Ask) -> proofs.Receipt:
    account_id, seq = _account(ask).account_id, ask.parts["seq"]
    return _proof(ask, account_id, [seq], f"sealed entry {seq} of account {account_id}")


def statement_proof(ask: Ask) -> proofs.Receipt:
    account_id = _account(ask).account_id
    seqs = proofs.sealed_entries(account_id, ask.query.before or None)
    return _proof(ask, account_id, seqs, f"sealed entry of account {account_id}")


def _proof(ask: Ask, account_id: int, seqs: list[int], thing: str) -> proofs.Receipt:
    receipt = proofs.receipt(account_id, seqs) if seqs else None
    if receipt is None:
        raise ask.missing(thing)
    return receipt


def statements_of_account(ask: Ask) -> answers.StatementsOfAccount:
    """Return the statements of an account."""
    account_id = _account(ask).account_id
    return answers.StatementsOfAccount(
        account_id=account_id,
        currency=currencies([account_id])[account_id],
        items=[_statement_of(one) for one in statements.statements_of(account_id)],
    )


def whole_statement(ask: Ask) -> answers.WholeStatement:
    """Return one statement of an account with its content."""
    account_id, number = _account(ask).account_id, ask.parts["number"]
    found = statements.statement(account_id, number)
    if found is None:
        raise ask.missing(f"statement {number} of account {account_id}")
    return answers.WholeStatement(
        statement=_statement_of(found.summary),
        content=found.content,
        sha256=found.summary.sha256,
        previous_sha256=found.previous_sha256,
    )


def proof_of_statement(ask: Ask) -> proofs.Receipt:
    """Return the proof of one statement of an account."""
    account_id, number = _account(ask).account_id, ask.parts["number"]
    found = statements.statement(account_id, number)
    receipt = None if found is None else proofs.statement_receipt(account_id, found.summary.of_series)
    if receipt is None:
        raise ask.missing(f"sealed statement {number} of account {account_id}")
    return receipt


def _statement_of(one: statements.StatementSummary) -> answers.StatementOfAccount:
    return answers.StatementOfAccount(
        number=one.number,
        account_id=one.account_id,
        agreement_id=one.agreement_id,
        period_from=one.period_from,
        period_to=one.period_to,
        total_minor=one.total_minor,
        opening_minor=one.opening_minor,
        closing_minor=one.closing_minor,
        made_at=local(one.made_at),
        revises=one.revises,
        revised_by=one.revised_by,
        final=one.final,
    )


def entry_of(one: billing.Entry) -> answers.Entry:
    return answers.Entry(
        account_id=one.account_id,
        seq=one.seq,
        line=one.line,
        title=one.title,
        origin=one.origin,
        amount_minor=one.amount_minor,
        balance_after_minor=one.balance_after_minor,
        currency=one.currency,
        service_date=one.service_date,
        posted_at=local(one.posted_at),
        accounting_month=one.accounting_month,
    )


def _read_of(read: billing.Read, commodity: str) -> answers.RegisterRead:
    return answers.RegisterRead(
        read_at=local(read.read_at),
        register_wh=_wh(read.register_wh, commodity),
        register_l=_litres(read.register_wh, commodity),
        kind=read.kind,
        status=read.status,
        source=read.source,
        device_id=read.device_id,
    )


# -- everything of one person --------------------------------------------------------------------------------------

_ALL = 1_000_000
"""More entries and messages than an account can have in a life."""


def export(ask: Ask) -> answers.Export:
    """Return all stored data of a person, in one document; interval readings by address, a month at a time."""
    person = resources.person_of(ask)
    record_personal_reads(ask.caller, [person.id], ask.what, ask.now)
    signed_in: datetime | None = (
        None
        if person.user_id is None
        else get_user_model().objects.values_list("last_login", flat=True).get(id=person.user_id)
    )
    return answers.Export(
        exported_at=local(ask.now),
        consumer=resources.consumer_of(person),
        last_signed_in_at=local(signed_in),
        protections=[
            answers.Evidence(
                kind=one.kind,
                evidence=one.evidence,
                valid_from=local(one.valid_from),
                valid_to=local(one.valid_to),
            )
            for one in person.protections.all()
        ],
        accounts=[_exported_account(one, person) for one in person.accesses.all()],
        read_by=resources.personal_reads_of(personal_reads.of_person(person.id)),
    )


def _exported_account(held: AccessRow, person: PersonRow) -> answers.ExportedAccount:
    maintenance_id = account_beside(held.account_id)
    beside = [] if maintenance_id is None else [maintenance_id]
    return answers.ExportedAccount(
        account_id=held.account_id,
        role=held.role,
        currency=held.account.currency,
        agreements=[
            answers.ExportedAgreement(
                agreement=resources.agreement_of(one),
                premise=one.service_point.premise.name,
                readings=f"/api/v1/agreements/{one.id}/readings",
            )
            for one in service_points.agreements_of_account(held.account_id)
        ],
        entries=[entry_of(one) for one in reversed(billing.entries(held.account_id, _ALL))],
        maintenance=[entry_of(one) for id_ in beside for one in reversed(billing.entries(id_, _ALL))],
        messages=[
            answers.Message(
                kind=one.kind,
                requested_at=local(one.requested_at),
                delivered_at=local(one.delivered_at),
                channel=one.channel,
                recipient=one.recipient,
                text=one.text,
            )
            for one in notices_of([held.account_id, *beside], _ALL)
            # What was sent to another's telephone is the other's.
            if one.recipient in ("", person.phone)
        ],
    )
