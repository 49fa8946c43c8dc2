"""The share of recharges that pays dues, by the policy that governs each account."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from urja.apps.billing import plans
from urja.apps.billing.arrears import Rule, Rules
from urja.apps.contracts import queries as contracts
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.errors import UnknownPolicyError
from urja.apps.rulebook.queries.policies import name_of, policy_book
from urja.core.calendar import local_day

log = structlog.get_logger()


def arrears_rules(now: datetime) -> Rules:
    """Return the rules for recharges that are posted at `now` (UTC), by the policy that governs each account.

    An account with an instalment plan has no rule: the plan pays its dues instead. One whose policy is not loaded has
    none either, and is logged.
    """
    zone = local_zone()

    def rules(account_ids: Sequence[int]) -> Mapping[int, Rule]:
        policies, found = policy_book(), {}
        unplanned = sorted(set(account_ids) - {plan.account_id for plan in plans.plans_at(account_ids, now)})
        for agreement in contracts.last_begun(unplanned, now):
            terms = agreement.terms_at(now)
            try:
                policy = policies.governs(terms.policy, terms.category, local_day(now, zone))
            except UnknownPolicyError as error:
                log.warning("no policy", account=agreement.account_id, error=str(error))
                continue
            if policy.payments.arrears_percent:
                found[agreement.account_id] = Rule(
                    policy.payments.arrears_percent, name_of(policy), policy.sha256
                )
        return found

    return rules
