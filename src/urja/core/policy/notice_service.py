"""When the notices that a disconnection needs count as served, by the rules of the policy (`notices.served`).

A receipt serves a notice. Where the document says so, enough attempts on its channels over enough days serve it as
well: a telephone that is never reached delays a disconnection and does not prevent it. A letter serves all that a
disconnection needs, so many days after it was posted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from urja.core.policy.document import NoticeRules, Policy
from urja.core.policy.facts import LETTER, Facts, NoticeFact

WARNING_KINDS: Final = ("low-", "days-", "below-", "zero", "cut")
"""Beginnings of the kinds of notices that count as warnings."""


@dataclass(frozen=True, slots=True)
class NoticesServed:
    """How many of the required notices are served."""

    missing: tuple[str, ...]
    """Required kinds that are not served."""
    missing_count: int
    """How many more notices of any kind must be served."""
    ready_at: datetime | None
    """When the last required notice was served, or will be by time alone; None where none is required or more are
    needed.
    """

    @property
    def complete(self) -> bool:
        return not self.missing and not self.missing_count


def notices_served(policy: Policy, facts: Facts) -> NoticesServed:
    """Return which required notices are served by now.

    A notice that was only sent counts for nothing until the policy's rules for attempts or letters are met.
    """
    rules, now, since = policy.notices, facts.now, exhausted_since(facts)
    letter_at = _letter_at(rules, facts, since)
    firsts = {
        kind: _earliest(letter_at, *_instants(rules, notices_since_exhausted(facts, kind)))
        for kind in rules.before_cut
    }
    counted = sorted(_counted(rules, facts, since))
    number_at = counted[rules.least_delivered - 1] if len(counted) >= rules.least_delivered > 0 else None
    number_at = _earliest(letter_at, *([number_at] if number_at else []))
    missing = tuple(kind for kind, first in firsts.items() if first is None or first > now)
    by_now = len([at for at in counted if at <= now])
    enough = not rules.least_delivered or (number_at is not None and number_at <= now)
    needed = [*firsts.values(), *([number_at] if rules.least_delivered else [])]
    known = [at for at in needed if at is not None]
    return NoticesServed(
        missing=missing,
        missing_count=0 if enough else max(rules.least_delivered - by_now, 1),
        ready_at=max(known, default=None) if len(known) == len(needed) else None,
    )


def exhausted_since(facts: Facts) -> datetime:
    """Return since when (UTC) the credit has been exhausted; now where it is only just.

    Not from before the account became prepaid: a balance that a bill was written for has exhausted no credit.
    """
    since = facts.now if facts.below_cut_since is None else facts.below_cut_since
    return since if facts.converted_at is None else max(since, facts.converted_at)


def notices_since_exhausted(facts: Facts, kind: str) -> list[NoticeFact]:
    """Return the notices of a kind that were requested since the credit ran out."""
    since = exhausted_since(facts)
    return [notice for notice in facts.notices if notice.kind == kind and notice.requested_at >= since]


def _counted(rules: NoticeRules, facts: Facts, since: datetime) -> list[datetime]:
    """Return when each warning since the last recharge or exhaustion counts as served, in the future for some."""
    start = since if facts.last_recharge_at is None else min(since, facts.last_recharge_at)
    of_kind: dict[str, list[NoticeFact]] = {}
    for notice in facts.notices:
        if (
            notice.kind.startswith(WARNING_KINDS)
            and (facts.last_recharge_at is None or notice.requested_at >= start)
            # Warnings of an earlier prepayment announce nothing of this one.
            and (facts.converted_at is None or notice.requested_at >= facts.converted_at)
        ):
            of_kind.setdefault(notice.kind, []).append(notice)
    return [at for notices in of_kind.values() for at in _instants(rules, notices)]


def _letter_at(rules: NoticeRules, facts: Facts, since: datetime) -> datetime | None:
    """Return when a letter since the exhaustion serves all that is needed."""
    if rules.letter_after is None:
        return None
    posted = [
        notice.sent_at
        for notice in facts.notices
        if notice.channel == LETTER and notice.sent_at is not None and notice.sent_at >= since
    ]
    return min(posted) + rules.letter_after if posted else None


def _instants(rules: NoticeRules, notices: Iterable[NoticeFact]) -> list[datetime]:
    """Return when each of these notices of one kind counts as served; those that do not are left out."""
    notices = list(notices)
    attempts = sorted(
        notice.sent_at
        for notice in notices
        if notice.channel in rules.channels and notice.sent_at is not None
    )
    tried_at = None
    if rules.attempts and len(attempts) >= rules.attempts:
        # Both the number of attempts and the time over which they were made have to be reached.
        tried_at = max(attempts[rules.attempts - 1], attempts[0] + rules.attempts_over)
    found = []
    for notice in notices:
        ways = [] if notice.delivered_at is None else [notice.delivered_at]
        if tried_at is not None and notice.channel in rules.channels and notice.sent_at is not None:
            ways.append(max(tried_at, notice.sent_at))
        found += [min(ways)] if ways else []
    return found


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)
