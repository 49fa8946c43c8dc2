"""Plans of instalments that hold for accounts."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from urja.apps.billing.models import InstalmentPlan


def plans_at(account_ids: Iterable[int], at: datetime) -> list[InstalmentPlan]:
    """The plans of instalments that hold for accounts at an instant."""
    held = InstalmentPlan.objects.filter(account_id__in=list(account_ids), valid_from__lte=at)
    return list(held.filter(Q(valid_to=None) | Q(valid_to__gt=at)).order_by("id"))
