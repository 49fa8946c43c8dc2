"""Queries on agreements, with their terms."""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import connection

from urja.apps.contracts.kinds import Agreement, Terms


def agreements(ids: Iterable[int]) -> list[Agreement]:
    """Return the agreements with these numbers, in the order of their numbers."""
    return _read("SELECT * FROM contracts_agreement WHERE id = ANY(%(ids)s)", "a.id", ids=list(ids))


def of_service_point(service_point_id: int) -> list[Agreement]:
    """Return the agreements of a service point, the newest first."""
    of_it = "SELECT * FROM contracts_agreement WHERE service_point_id = %(place)s"
    return _read(of_it, "a.valid_from DESC", place=service_point_id)


def agreement_at(account_id: int, at: datetime) -> Agreement | None:
    """Return the agreement of an account at an instant (UTC), else its last one before; None before the first."""
    return next(iter(last_begun([account_id], at)), None)


def last_begun(account_ids: Iterable[int], at: datetime) -> list[Agreement]:
    """Return the agreement of each account that began last by an instant (UTC), also where it has ended."""
    return _read(_NEWEST.format(which="true"), "a.account_id", accounts=list(account_ids), at=at)


def in_force(account_ids: Iterable[int], at: datetime) -> list[Agreement]:
    """Return the agreement of each account that is in force at an instant (UTC); of several the newest."""
    lasting = "coalesce(valid_to, 'infinity') > %(at)s"
    return _read(_NEWEST.format(which=lasting), "a.account_id", accounts=list(account_ids), at=at)


_NEWEST = """
SELECT DISTINCT ON (account_id) * FROM contracts_agreement
WHERE account_id = ANY(%(accounts)s) AND valid_from <= %(at)s AND {which} ORDER BY account_id, valid_from DESC
"""

_WITH_TERMS = """
SELECT a.id, a.service_point_id, a.account_id, a.customer_id, a.valid_from, a.valid_to, a.billing_day,
    (SELECT max(b.valid_to) FROM contracts_agreement b
        WHERE b.service_point_id = a.service_point_id AND b.valid_to <= a.valid_from),
    (SELECT s.in_service_at FROM assets.supply_in_service s WHERE s.service_point_id = a.service_point_id),
    a.bill_from, a.bill_from::timestamp AT TIME ZONE %(zone)s,
    (SELECT p.commodity FROM network.service_point p WHERE p.id = a.service_point_id),
    t.valid_from, t.valid_to, t.tariff_code, t.sanctioned_load_w, t.category, t.policy, t.payment_mode, t.converted_at,
    t.metering_mode, t.sanctioned_load_va, t.contracted_load_w, t.contracted_load_va, t.carpet_area_dm2
FROM ({which}) a JOIN contracts_agreement_terms t ON t.agreement_id = a.id ORDER BY {order}, t.valid_from
"""
_OF_AGREEMENT = 12
"""How many of the columns belong to the agreement; the others are its terms."""


def _read(which: str, order: str, **params: Any) -> list[Agreement]:
    with connection.cursor() as cursor:
        cursor.execute(
            _WITH_TERMS.format(which=which, order=order), {**params, "zone": settings.URJA_TIMEZONE}
        )
        rows = groupby(cursor.fetchall(), key=itemgetter(slice(_OF_AGREEMENT)))
        return [Agreement(tuple(Terms(*row[_OF_AGREEMENT:]) for row in terms), *own) for own, terms in rows]


def billed_as_another_commodity(now: datetime) -> list[tuple[str, str, str, str]]:
    """Return the terms in force or to come that name a tariff for another commodity than is supplied there.

    Each has the consumer number, the tariff, what the tariff is for and what is supplied; in the order of numbers.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.consumer_number, v.code, v.commodity, s.commodity FROM contracts_agreement_terms t "
            "JOIN contracts_agreement a ON a.id = t.agreement_id "
            "JOIN network.service_point s ON s.id = a.service_point_id "
            "JOIN rulebook.tariff_version v ON v.code = t.tariff_code AND v.commodity <> s.commodity "
            "WHERE coalesce(t.valid_to, 'infinity') > %(now)s ORDER BY 1, 2",
            {"now": now},
        )
        return [(number, code, priced, supplied) for number, code, priced, supplied in cursor.fetchall()]


def terms_with_tariffs(codes: Collection[str], now: datetime) -> list[tuple[str, str, int, bool]]:
    """Return the terms in force or to come that name one of some tariffs, in the order of consumer numbers.

    Each has the consumer number, the tariff, the number of the service point, and whether a carpet area is stated.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.consumer_number, t.tariff_code, s.id, t.carpet_area_dm2 IS NOT NULL "
            "FROM contracts_agreement_terms t JOIN contracts_agreement a ON a.id = t.agreement_id "
            "JOIN network.service_point s ON s.id = a.service_point_id "
            "WHERE t.tariff_code = ANY(%s) AND coalesce(t.valid_to, 'infinity') > %s ORDER BY 1, 2",
            [list(codes), now],
        )
        return [(number, code, place, stated) for number, code, place, stated in cursor.fetchall()]


def with_tariffs(ids: Iterable[int], codes: Collection[str]) -> list[int]:
    """Return those of some agreements whose terms, past or to come, name one of some tariffs, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT agreement_id FROM contracts_agreement_terms "
            "WHERE agreement_id = ANY(%s) AND tariff_code = ANY(%s) ORDER BY 1",
            [list(ids), list(codes)],
        )
        return [agreement_id for (agreement_id,) in cursor.fetchall()]


def policies_of_their_own(now: datetime) -> dict[str, int]:
    """Return the number of agreements with a policy of their own at an instant (UTC), by its code."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT policy, count(*) FROM contracts_agreement_terms WHERE policy <> '' AND valid_from <= %(now)s "
            "AND coalesce(valid_to, 'infinity') > %(now)s GROUP BY 1 ORDER BY 1",
            {"now": now},
        )
        return dict(cursor.fetchall())
