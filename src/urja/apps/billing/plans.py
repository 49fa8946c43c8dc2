"""Instalment plans in force, and their locks."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Q

from urja.apps.billing.models import InstalmentPlan


def plans_at(account_ids: Iterable[int], at: datetime) -> list[InstalmentPlan]:
    """Return the instalment plans of accounts that are in force at an instant (UTC); amounts are in minor units."""
    held = InstalmentPlan.objects.filter(account_id__in=list(account_ids), valid_from__lte=at)
    return list(held.filter(Q(valid_to=None) | Q(valid_to__gt=at)).order_by("id"))


def lock_plans(plan_ids: Sequence[int]) -> None:
    """Lock these plans against changes and postings until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM billing_instalment_plan WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [list(plan_ids)],
        )
