"""What is missing in the database before an installation goes live: administrator, tariffs, heat values, policies,
opening balances.

Needs Django to be set up.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from urja.apps.approvals.queries import all_passkeys
from urja.apps.bank.queries import society_accounts
from urja.apps.billing.opening_balances import unsigned_list
from urja.apps.contracts.queries import billed_as_another_commodity, policies_of_their_own
from urja.apps.identity.queries.roles import Role
from urja.apps.identity.queries.staff import staff_at
from urja.apps.rulebook.queries import heat_values, tariffs
from urja.apps.rulebook.queries.policies import policy_book
from urja.core.calendar import local_day
from urja.core.policy import ChannelReach, PolicyError, obstacles
from urja.core.rating import TariffError, parse_tariff
from urja.site.readiness import Finding, advice, missing, ready
from urja.site.supervisor import sandbox_gateway

_LOAD_TARIFF: Final = "urja tariff check FILE, then: urja tariff load FILE"
_HEAT_VALUES_COME_WITHIN: Final = timedelta(days=40)
"""A month's heat values are published after the month."""
_LOAD_POLICY: Final = "urja policy check FILE, then: urja policy load FILE"


def findings(
    now: datetime,
    zone: ZoneInfo,
    currency: str,
    channels: Collection[ChannelReach],
    *,
    has_gateway: bool,
) -> Iterator[Finding]:
    """Yield what the database shows, in the order in which to act. `now` is business time in UTC."""
    yield _administrator(now)
    yield _payments_without_a_gateway(now, has_gateway=has_gateway)
    yield from _sandbox_payments()
    yield from _tariffs(now, zone, currency)
    yield from _heat_values(now, zone)
    yield from _policies(now, zone, currency, channels)
    yield _opening_balances(now)


def _administrator(now: datetime) -> Finding:
    found = [one.email for one in staff_at(now) if one.role == Role.ADMINISTRATOR and one.valid_from <= now]
    if not found:
        return missing(
            "administrator",
            "none: no one can sign in to set up the rest",
            "urja staff add EMAIL --name NAME --role administrator",
        )
    return ready("administrator", ", ".join(found))


def _payments_without_a_gateway(now: datetime, *, has_gateway: bool) -> Finding:
    """Return whether consumers can pay at the counter (a cashier with a passkey opens a drawer) or to a bank account."""
    employed = {
        one.email for one in staff_at(now) if one.role in (Role.CASHIER, Role.CLERK) and one.valid_from <= now
    }
    cashiers = sorted(employed & {one.email for one in all_passkeys() if one.revoked_at is None})
    accounts = [account.name for account in society_accounts()]
    ways = [f"the counter ({', '.join(cashiers)})"] * bool(cashiers)
    ways += [f"the bank account {', '.join(accounts)}"] * bool(accounts)
    if ways:
        return ready("counter and bank", " and ".join(ways))
    report = advice if has_gateway else missing
    return report(
        "counter and bank",
        "no cashier with a passkey and no bank account"
        + ("" if has_gateway else ": with no gateway either, consumers cannot pay"),
        "urja staff add EMAIL --name NAME --role cashier, then: urja passkey invite EMAIL; or: urja bank account add NAME",
    )


def _sandbox_payments() -> Iterator[Finding]:
    """Yield how many payments of the sandbox gateway are in the books; nothing where there are none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM payments.order WHERE provider = %s AND credited_at IS NOT NULL",
            [sandbox_gateway.NAME],
        )
        credited = cursor.fetchone()[0]
    if credited:
        yield missing(
            "payments",
            f"the books have payments of the sandbox gateway ({credited}), for which no money came",
            "begin again with an empty data directory: urja init --data NEW, then urja up --data NEW",
        )


def _tariffs(now: datetime, zone: ZoneInfo, currency: str) -> Iterator[Finding]:
    today, good, faults = local_day(now, zone), set[str](), list[Finding]()
    for row, text in tariffs.stored_texts().items():
        try:
            tariff = parse_tariff(text)
        except TariffError as error:
            faults.append(missing("tariff", f"{row} cannot be read: {error.faults[0]}", _LOAD_TARIFF))
            continue
        if tariff.currency != currency:
            faults.append(
                missing(
                    "tariff",
                    f"{row} is in {tariff.currency}, the utility's currency is {currency}",
                    _LOAD_TARIFF,
                )
            )
        elif tariff.valid_from <= today:
            good.add(tariff.code)
    used = _tariffs_of_agreements(now)
    faults += [
        missing("tariff", f"agreements name {code}, of which no version is in force", _LOAD_TARIFF)
        for code in sorted(used - good)
    ]
    faults += [
        missing(
            "tariff",
            f"service point {number} supplies {supplied} and is billed by {code}, which is for {priced}",
            "load a tariff for it (urja tariff load FILE), then the operation change_category",
        )
        for number, code, priced, supplied in billed_as_another_commodity(now)
    ]
    if not good and not faults:
        faults.append(missing("tariff", "none is in force: no consumption is charged", _LOAD_TARIFF))
    yield from faults or [ready("tariff", ", ".join(sorted(good)))]


def _tariffs_of_agreements(now: datetime) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tariff_code FROM contracts.terms"
            " WHERE valid_from <= %(now)s AND (valid_to IS NULL OR valid_to > %(now)s)",
            {"now": now},
        )
        return {code for (code,) in cursor.fetchall()}


def _heat_values(now: datetime, zone: ZoneInfo) -> Iterator[Finding]:
    """Yield how far heat values are known; nothing where no gas is supplied."""
    if not _supplies_gas(now):
        return
    today = local_day(now, zone)
    known_to = max((one.valid_to or today for one in heat_values.all_versions()), default=None)
    if known_to is None or known_to < today - _HEAT_VALUES_COME_WITHIN:
        since = "none are loaded" if known_to is None else f"none are loaded of days after {known_to}"
        yield advice(
            "heat values",
            f"{since}: standard volume and energy of gas are not calculated",
            "urja heat-values check FILE, then: urja heat-values load FILE",
        )
    else:
        yield ready("heat values", f"up to {min(known_to, today)}")


def _supplies_gas(now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM contracts.agreement a JOIN network.service_point p ON p.id = a.service_point_id"
            " WHERE p.commodity = 'gas' AND a.valid_from <= %(now)s AND coalesce(a.valid_to, 'infinity') > %(now)s)",
            {"now": now},
        )
        return bool(cursor.fetchone()[0])


def _opening_balances(now: datetime) -> Finding:
    listed = unsigned_list(now)
    if not listed.rows:
        return ready("opening balances", "all that files have brought are signed off")
    return missing(
        "opening balances",
        f"{len(listed.rows)} wait for their sign-off; {listed.uncharged} of these supplies are in service and not "
        "charged until then",
        "urja registry opening-balances, then on the console: Payments, Opening balances",
    )


def _policies(
    now: datetime, zone: ZoneInfo, currency: str, channels: Collection[ChannelReach]
) -> Iterator[Finding]:
    try:
        book = policy_book()
    except PolicyError as error:
        yield missing("policy", f"a stored version cannot be read: {error.faults[0]}", _LOAD_POLICY)
        return
    if not book:
        yield missing(
            "policy", "none is loaded: no consumer is warned, disconnected or reconnected", _LOAD_POLICY
        )
        return
    for code in sorted({*book.assigned.values(), *policies_of_their_own(now)}):
        policy = book.in_force(code, local_day(now, zone))
        if policy is None:
            yield missing("policy", f"no version of {code} is in force", _LOAD_POLICY)
            continue
        if policy.currency != currency:
            yield missing(
                "policy",
                f"{code} is in {policy.currency}, the utility's currency is {currency}",
                _LOAD_POLICY,
            )
        found = obstacles(policy, channels)
        for obstacle in found:
            report = missing if obstacle.never else advice
            yield report("policy", f"{code} {policy.version}: {obstacle}", _LOAD_POLICY)
        if not found and policy.currency == currency:
            yield ready("policy", f"{code} {policy.version}")
