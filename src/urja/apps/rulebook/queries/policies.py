"""The stored policies, and which of them applies to an account on a day."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db import connection

from urja.apps.rulebook.errors import UnknownPolicyError
from urja.apps.rulebook.models import PolicyVersion
from urja.core.calendar import local_day
from urja.core.policy import Policy, parse_policy

DEFAULT_CATEGORY = ""


@lru_cache(maxsize=64)
def _parsed(sha256: str) -> Policy:
    """Return a stored policy. Versions never change, so each is read and parsed once per process."""
    return parse_policy(PolicyVersion.objects.filter(sha256=sha256).values_list("text", flat=True)[0])


def name_of(policy: Policy) -> str:
    """Return code and version, as stored with each decision."""
    return f"{policy.code} {policy.version}"


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """All policy versions and assignments, as read at one instant."""

    versions: Mapping[str, tuple[Policy, ...]]
    """By code, in the order in which they come into force; of two with one date the one loaded later is last."""
    assigned: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.assigned)

    def governs(self, own: str, category: str, day: date) -> Policy:
        """Return the version in force on a local day for a supply of a category.

        The agreement's own policy precedes its category's, even where no version of it is in force: no supply is
        disconnected under another policy than the agreed one. Raises UnknownPolicyError where none is in force.
        """
        code = self.code_for(own, category)
        if code is None:
            raise UnknownPolicyError(f"no policy governs the category {category!r}")
        policy = self.in_force(code, day)
        if policy is None:
            raise UnknownPolicyError(f"no version of policy {code!r} is in force on {day}")
        return policy

    def code_for(self, own: str, category: str) -> str | None:
        """Return the code of the policy for a supply: its agreement's own, its category's, or the default."""
        return own or self.assigned.get(category, self.assigned.get(DEFAULT_CATEGORY))

    def in_force(self, code: str, day: date) -> Policy | None:
        """Return the version of a policy in force on a local day; None without one."""
        return next((one for one in reversed(self.versions.get(code, ())) if one.valid_from <= day), None)

    def next_change(self, now: datetime, zone: ZoneInfo) -> date | None:
        """Return the next local day on which a version comes into force; None without one."""
        today = local_day(now, zone)
        days = [p.valid_from for versions in self.versions.values() for p in versions if p.valid_from > today]
        return min(days, default=None)


# Keyed by the hashes of all texts, so that a new version takes effect at once in every process, without any message.
@lru_cache(maxsize=8)
def book_of(sha256s: str | None, assigned: str | None) -> PolicyBook:
    """Return the parsed policies of a row of `rulebook.policies`; cached by it."""
    versions: dict[str, tuple[Policy, ...]] = {}
    for policy in map(_parsed, (sha256s or "").split()):
        versions[policy.code] = (*versions.get(policy.code, ()), policy)
    return PolicyBook(versions, json.loads(assigned or "{}"))


def policy_book() -> PolicyBook:
    """Return the policies as stored now, by one short statement; parsing is cached."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sha256s, assigned FROM rulebook.policies")
        return book_of(*cursor.fetchone())
