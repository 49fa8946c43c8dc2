"""The notices that are due.

In credit: the most severe threshold that is crossed, once after each recharge. Exhausted: `zero` at once, and `cut`
when only the notices and the window still prevent a disconnection. A required notice that is not served is requested
again, so that a lost message delays a disconnection and never prevents it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from urja.core.policy.decision import Notify, Params
from urja.core.policy.disconnection_bars import DisconnectionBar, local_instant, money_params
from urja.core.policy.document import Policy
from urja.core.policy.facts import Facts
from urja.core.policy.notice_service import exhausted_since, notices_served, notices_since_exhausted
from urja.core.policy.outlook import credit_ends_at, earliest_disconnection_at, effect_of_payment
from urja.core.units import exact_text


@dataclass(frozen=True, slots=True)
class CrossedThreshold:
    """A warning threshold that the balance has reached."""

    kind: str
    rule: str
    at_minor: int
    params: Params


def crossed_threshold(policy: Policy, facts: Facts) -> CrossedThreshold | None:
    """Return the most severe threshold that a balance in credit has crossed; None where it has crossed none."""
    crossed = [found for found in _thresholds(policy, facts) if facts.balance_minor <= found.at_minor]
    return min(crossed, key=lambda found: found.at_minor, default=None)


def _thresholds(policy: Policy, facts: Facts) -> list[CrossedThreshold]:
    warnings, limit = policy.warnings, policy.credit.cut_below_minor
    found = [
        CrossedThreshold(
            f"below-{exact_text(Fraction(amount, 10**policy.decimals))}",
            "warnings.below",
            amount,
            money_params(policy, below_minor=amount),
        )
        for amount in warnings.amounts_minor
    ]
    if facts.last_recharge_minor is not None:
        found += [
            CrossedThreshold(
                f"low-{percent}",
                "warnings.percent_of_last_recharge",
                facts.last_recharge_minor * percent // 100,
                {"last_percent": percent},
            )
            for percent in warnings.percents
        ]
    if facts.daily_cost_minor is not None and facts.daily_cost_minor > 0:
        found += [
            CrossedThreshold(
                f"days-{days}",
                "warnings.days_left",
                limit + days * facts.daily_cost_minor,
                {"left_days": days},
            )
            for days in warnings.days
        ]
    return found


def low_balance_notices(policy: Policy, facts: Facts) -> list[Notify]:
    """Return the warning due for a balance in credit; empty where it was requested since the last recharge.

    Amounts in its parameters are minor units.
    """
    crossed = crossed_threshold(policy, facts)
    if crossed is None:
        return []
    since = facts.last_recharge_at
    if any(
        notice.kind == crossed.kind and (since is None or notice.requested_at >= since)
        for notice in facts.notices
    ):
        return []
    return [
        Notify(crossed.kind, {**_figures(policy, facts), **crossed.params}, _key(facts, crossed.kind, since))
    ]


def final_notices(policy: Policy, facts: Facts, bars: Sequence[DisconnectionBar]) -> list[Notify]:
    """Return the notices due for an account that is exhausted and still connected."""
    due = [_final(policy, facts, "zero")] if _is_due(policy, facts, "zero") else []
    if cut_is_near(policy, facts, bars) and _is_due(policy, facts, "cut"):
        due.append(_final(policy, facts, "cut"))
    return due


def cut_is_near(policy: Policy, facts: Facts, bars: Sequence[DisconnectionBar]) -> bool:
    """Return whether everything that forbids the disconnection, notices apart, ends within the time a notice needs."""
    others = [bar for bar in bars if not bar.reason.rule.startswith("notices.")]
    return all(
        bar.announces and bar.until is not None and bar.until <= facts.now + policy.notices.lead
        for bar in others
    )


def next_notice_at(policy: Policy, facts: Facts, bars: Sequence[DisconnectionBar]) -> datetime | None:
    """Return when (UTC) time alone makes a notice due; None where only other facts can."""
    near = cut_is_near(policy, facts, bars)
    due = [
        max(notice.requested_at for notice in requested) + policy.notices.repeat
        for kind in (("zero", "cut") if near else ("zero",))
        if (requested := notices_since_exhausted(facts, kind)) and _is_lacking(policy, facts, kind)
    ]
    ends = [bar.until - policy.notices.lead for bar in bars if bar.until is not None]
    if not near and ends:
        due.append(max(ends))
    return min((at for at in due if at > facts.now), default=None)


def _is_due(policy: Policy, facts: Facts, kind: str) -> bool:
    requested = notices_since_exhausted(facts, kind)
    if not requested:
        return True
    last = max(notice.requested_at for notice in requested)
    return _is_lacking(policy, facts, kind) and facts.now >= last + policy.notices.repeat


def _is_lacking(policy: Policy, facts: Facts, kind: str) -> bool:
    """Return whether one more notice of this kind is needed; `cut` also makes up the required number."""
    state = notices_served(policy, facts)
    return kind in state.missing or (kind == "cut" and state.missing_count > 0)


def _final(policy: Policy, facts: Facts, kind: str) -> Notify:
    ordinal = len(notices_since_exhausted(facts, kind)) + 1
    params = {
        **_figures(policy, facts),
        "to_pay_minor": effect_of_payment(policy, facts, 0).missing_minor,
        # Emergency credit that is used up keeps nothing connected, so the notice must not promise it.
        "emergency_minor": policy.credit.emergency_minor if facts.balance_minor >= policy.floor_minor else 0,
        "emergency_days": policy.credit.emergency_days,
    }
    return Notify(kind, params, f"{_key(facts, kind, exhausted_since(facts))}:{ordinal}")


def _figures(policy: Policy, facts: Facts) -> dict[str, int | str]:
    """Return the parameters that each notice may name."""
    figures = dict(money_params(policy, balance_minor=facts.balance_minor))
    ends = credit_ends_at(policy, facts, facts.daily_cost_minor)
    if ends is not None:
        figures["ends_at"] = local_instant(facts, ends)
    if facts.as_of is not None:
        figures["as_of_at"] = local_instant(facts, facts.as_of)
    earliest = earliest_disconnection_at(policy, facts, facts.daily_cost_minor)
    if earliest is not None:
        figures["not_before_at"] = local_instant(facts, earliest)
    return figures


def _key(facts: Facts, kind: str, since: datetime | None) -> str:
    # The instant makes a key new after each recharge or exhaustion, so that a notice of last month does not suppress
    # one of today.
    spell = 0 if since is None else int(since.timestamp())
    return f"{kind}:{facts.account_id}:{spell}"
