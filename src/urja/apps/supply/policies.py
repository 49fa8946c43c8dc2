"""The stored policies: which one governs an account on a day."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import connection

from urja.apps.billing import plans
from urja.apps.billing.arrears import Rule, Rules
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.supply.errors import UnknownPolicy
from urja.apps.supply.models import PolicyVersion
from urja.core.calendar import local_day
from urja.core.policy import Policy, parse_policy

log = structlog.get_logger()

DEFAULT_CATEGORY = ""


@lru_cache(maxsize=64)
def _parsed(sha256: str) -> Policy:
    """A stored text; a version is never changed, so it is fetched and parsed once a process."""
    return parse_policy(PolicyVersion.objects.filter(sha256=sha256).values_list("text", flat=True)[0])


def name_of(policy: Policy) -> str:
    """Code and version, as they are kept with each decision."""
    return f"{policy.code} {policy.version}"


@dataclass(frozen=True, slots=True)
class Book:
    """All versions and assignments as they were at one look."""

    versions: Mapping[str, tuple[Policy, ...]]
    """By code, in the order in which they come into force; of two with one date the one loaded later is last."""
    assigned: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.assigned)

    def governs(self, terms: AgreementTerms, day: date) -> Policy:
        """The version in force on a local day for a supply on these terms; raises UnknownPolicy.

        What the agreement itself says goes before its category, also where no version of it is in force: nobody is cut
        by another policy than what was agreed.
        """
        code = self.code_for(terms)
        if code is None:
            raise UnknownPolicy(f"no policy governs the category {terms.category!r}")
        policy = self.in_force(code, day)
        if policy is None:
            raise UnknownPolicy(f"no version of policy {code!r} is in force on {day}")
        return policy

    def code_for(self, terms: AgreementTerms) -> str | None:
        """Which policy governs a supply on these terms: its own, or the one of its category, or everybody's."""
        return terms.policy or self.assigned.get(terms.category, self.assigned.get(DEFAULT_CATEGORY))

    def in_force(self, code: str, day: date) -> Policy | None:
        """The version of a policy in force on a local day."""
        return next((one for one in reversed(self.versions.get(code, ())) if one.valid_from <= day), None)

    def next_change(self, now: datetime, zone: ZoneInfo) -> date | None:
        """The next local day on which a version comes into force."""
        today = local_day(now, zone)
        days = [p.valid_from for versions in self.versions.values() for p in versions if p.valid_from > today]
        return min(days, default=None)


@lru_cache(maxsize=8)
def _book(sha256s: str | None, assigned: str | None) -> Book:
    """The stored documents; put together once a process."""
    versions: dict[str, tuple[Policy, ...]] = {}
    for policy in map(_parsed, (sha256s or "").split()):
        versions[policy.code] = (*versions.get(policy.code, ()), policy)
    return Book(versions, json.loads(assigned or "{}"))


def arrears_rules(now: datetime) -> Rules:
    """What of recharges that are posted now goes to arrears: by the policy that governs each account.

    Nothing where a plan of instalments holds: it pays them instead.
    """
    zone = ZoneInfo(settings.URJA_TIMEZONE)

    def rules(account_ids: Sequence[int]) -> Mapping[int, Rule]:
        policies, found = book(), {}
        unplanned = sorted(set(account_ids) - {plan.account_id for plan in plans.plans_at(account_ids, now)})
        agreements = (
            Agreement.objects.filter(account_id__in=unplanned, valid_from__lte=now)
            .order_by("account_id", "-valid_from")
            .distinct("account_id")
        )
        for agreement in contracts.with_terms(agreements):
            try:
                policy = policies.governs(agreement.terms_at(now), local_day(now, zone))
            except UnknownPolicy as error:
                log.warning("no policy", account=agreement.account_id, error=str(error))
                continue
            if policy.payments.arrears_percent:
                found[agreement.account_id] = Rule(policy.payments.arrears_percent, name_of(policy))
        return found

    return rules


def of_their_own(now: datetime) -> dict[str, int]:
    """How many agreements have a policy of their own at an instant, by its code."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT policy, count(*) FROM registry_agreement_terms WHERE policy <> '' AND valid_from <= %(now)s "
            "AND coalesce(valid_to, 'infinity') > %(now)s GROUP BY 1 ORDER BY 1",
            {"now": now},
        )
        return dict(cursor.fetchall())


def book() -> Book:
    """The stored documents as they are now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT string_agg(sha256, ' ' ORDER BY valid_from, id) FROM supply_policy_version),"
            " (SELECT jsonb_object_agg(category, code) FROM supply_policy_assignment)"
        )
        return _book(*cursor.fetchone())
