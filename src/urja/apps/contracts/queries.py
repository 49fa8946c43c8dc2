"""Agreements with their terms."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from urja.apps.contracts.models import Agreement, AgreementTerms


def agreement_at(account_id: int, at: datetime) -> Agreement | None:
    """The supply agreement of an account at an instant, or its last one before."""
    return Agreement.objects.filter(account_id=account_id, valid_from__lte=at).order_by("-valid_from").first()


def agreements(ids: Iterable[int]) -> list[Agreement]:
    """The agreements of some keys, in their order, with their terms."""
    return with_terms(Agreement.objects.filter(id__in=list(ids)).order_by("id"))


def in_force(account_ids: Iterable[int], at: datetime) -> list[Agreement]:
    """The agreement of each account that holds at an instant, with its terms; where several do the newest."""
    lasting = Q(valid_to=None) | Q(valid_to__gt=at)
    return with_terms(_newest(account_ids, at).filter(lasting))


def last_begun(account_ids: Iterable[int], at: datetime) -> list[Agreement]:
    """The agreement of each account that began last by an instant, with its terms, also where it has ended."""
    return with_terms(_newest(account_ids, at))


def _newest(account_ids: Iterable[int], at: datetime) -> QuerySet[Agreement]:
    begun = Agreement.objects.filter(account_id__in=list(account_ids), valid_from__lte=at)
    return begun.order_by("account_id", "-valid_from").distinct("account_id")


def with_terms(agreements: Iterable[Agreement]) -> list[Agreement]:
    """The agreements with their terms and where they follow another, fetched for all at once."""
    found = list(agreements)
    terms: dict[int, list[AgreementTerms]] = {agreement.id: [] for agreement in found}
    for row in AgreementTerms.objects.raw(_TERMS, {"agreements": list(terms)}):
        terms[row.agreement_id].append(row)
    for agreement in found:
        agreement.all_terms = tuple(terms[agreement.id])
        agreement.follows_at = agreement.all_terms[0].follows_at
    return found


FOLLOWS = (
    "(SELECT max(before.valid_to) FROM contracts_agreement before "
    "WHERE before.service_point_id = {agreement}.service_point_id AND before.valid_to <= {agreement}.valid_from)"
)
"""`Agreement.follows_at`, for a statement that asks for more than this."""


_TERMS = f"""
SELECT t.*, {FOLLOWS.format(agreement="a")} AS follows_at
FROM contracts_agreement a JOIN contracts_agreement_terms t ON t.agreement_id = a.id
WHERE a.id = ANY(%(agreements)s) ORDER BY t.agreement_id, t.valid_from
"""  # noqa: S608 - constants


def policies_of_their_own(now: datetime) -> dict[str, int]:
    """How many agreements have a policy of their own at an instant, by its code."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT policy, count(*) FROM contracts_agreement_terms WHERE policy <> '' AND valid_from <= %(now)s "
            "AND coalesce(valid_to, 'infinity') > %(now)s GROUP BY 1 ORDER BY 1",
            {"now": now},
        )
        return dict(cursor.fetchall())
