"""What is missing in the database before an installation goes live: administrator, tariffs, policies.

Needs Django to be set up.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from urja.apps.contracts.queries import policies_of_their_own
from urja.apps.identity.queries.roles import Role
from urja.apps.identity.queries.staff import staff_at
from urja.apps.rulebook.queries import tariffs
from urja.apps.rulebook.queries.policies import policy_book
from urja.core.calendar import local_day
from urja.core.policy import ChannelReach, PolicyError, obstacles
from urja.core.rating import TariffError, parse_tariff
from urja.site.readiness import Finding, advice, missing, ready

_LOAD_TARIFF: Final = "urja tariff check FILE, then: urja tariff load FILE"
_LOAD_POLICY: Final = "urja policy check FILE, then: urja policy load FILE"


def findings(
    now: datetime, zone: ZoneInfo, currency: str, channels: Collection[ChannelReach]
) -> Iterator[Finding]:
    """Yield what the database shows, in the order in which to act. `now` is business time in UTC."""
    yield _administrator(now)
    yield from _tariffs(now, zone, currency)
    yield from _policies(now, zone, currency, channels)


def _administrator(now: datetime) -> Finding:
    found = [one.email for one in staff_at(now) if one.role == Role.ADMINISTRATOR and one.valid_from <= now]
    if not found:
        return missing(
            "administrator",
            "none: no one can sign in to set up the rest",
            "urja staff add EMAIL --name NAME --role administrator",
        )
    return ready("administrator", ", ".join(found))


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
