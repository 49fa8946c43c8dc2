"""Where an account stands: its balance with what belongs beside it, and the units that it has banked."""

from datetime import datetime

from urja.apps.billing import queries as billing
from urja.apps.billing.queries import charge_reviews, refused_charges
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.overviews.queries import registry
from urja.apps.readings.queries.power import billing_meter_power
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.supply import queries as supply
from urja.apps.supply.queries.facts import AccountSnapshot
from urja.core.arrears import total_owed
from urja.core.calendar import local_day
from urja.core.power import Powered
from urja.web.api import balance_answers, resources
from urja.web.api.billed_amounts import litres, wh
from urja.web.api.lists import local
from urja.web.api.problems import ProblemError
from urja.web.api.recorded_reads import agreement_of_account, note_read
from urja.web.api.routes import Ask
from urja.web.shared import power_words as powers, review_words, standing as standings
from urja.web.shared.account_card import account_of
from urja.web.shared.clock import zone


def units(ask: Ask) -> balance_answers.BankedUnits:
    """Return what an agreement has banked, in Wh; nothing before it has any. Raises ProblemError where its tariff is not loaded."""
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    note_read(ask, agreement)
    try:
        return _units(agreement, billing.banked_units(agreement, local_day(ask.now, zone())))
    except UnknownTariffError as error:
        raise ProblemError("no-tariff", str(error)) from error


def _units(agreement: Agreement, found: billing.BankedUnits | None) -> balance_answers.BankedUnits:
    if found is None:
        return balance_answers.BankedUnits(
            agreement_id=agreement.id, settles_on=None, settles_at_end=False, items=[]
        )
    return balance_answers.BankedUnits(
        agreement_id=agreement.id,
        settles_on=found.settles_on,
        settles_at_end=found.settles_at_end,
        items=[
            balance_answers.UnitsOfBank(
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


def balance(ask: Ask) -> balance_answers.Balance:
    """Return an account's balance in minor units. Raises ProblemError where its tariff is not loaded."""
    agreement = agreement_of_account(ask)
    try:
        fresh = billing.fresh_balance(agreement.account_id, ask.now, agreement)
    except UnknownTariffError as error:
        raise ProblemError("no-tariff", str(error)) from error
    known = _known(agreement.account_id, ask.now)
    view = standings.standing(known) if known else None
    return balance_answers.Balance(
        account_id=agreement.account_id,
        balance_minor=fresh.balance_minor,
        currency=fresh.currency,
        as_of=local(fresh.as_of),
        posted_minor=fresh.ledger_minor,
        pending_minor=fresh.pending_minor,
        credits_minor=fresh.credits_minor,
        estimated_wh=wh(fresh.estimated_wh, agreement.commodity),
        estimated_l=litres(fresh.estimated_wh, agreement.commodity),
        days_left=None if fresh.days_left is None else round(float(fresh.days_left), 2),
        reserve_minor=fresh.reserve_minor,
        reserves=[
            balance_answers.Reserve(
                settles_on=reserve.settles_on,
                amount_minor=reserve.minor,
                lines=[
                    balance_answers.ReserveLine(title=title, amount_minor=minor)
                    for title, minor in reserve.lines
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
            balance_answers.NotCharged(
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
            for one in refused_charges.refused_charges(agreement.account_id)
        ],
        standing=view.standing if view else None,
        sentence=view.text if view else None,
    )


def _deposits(agreement: Agreement) -> balance_answers.SecurityDeposits:
    found = billing.security_deposits(agreement.id)
    return balance_answers.SecurityDeposits(
        held_minor=found.held_minor,
        due=[balance_answers.DepositDue(due_on=day, amount_minor=minor) for day, minor in found.due],
    )


def _review(account_id: int, now: datetime) -> balance_answers.Review | None:
    review = charge_reviews.newest_review(account_id)
    if review is None:
        return None
    return balance_answers.Review(
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


def _instalments(account_id: int, now: datetime) -> balance_answers.Instalments | None:
    plan = billing.plan(account_id, now)
    if plan is None:
        return None
    return balance_answers.Instalments(
        every=plan.every, amount_minor=plan.amount_minor, valid_from=local(plan.valid_from)
    )


def _power(
    agreement: Agreement, known: AccountSnapshot | None, now: datetime
) -> balance_answers.Power | None:
    meter = billing_meter_power(agreement.service_point_id, now)
    if meter is None:
        return None
    account_id = agreement.account_id
    relay = powers.opened(known) if known else powers.opened_when_decided(supply.standing(account_id))
    power = powers.with_relay(meter, relay)
    said = powers.shown(power, now, agreement.commodity)
    return balance_answers.Power(
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
