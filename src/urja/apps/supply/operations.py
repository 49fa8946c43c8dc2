"""The writing side of the supply: policies, and what operators order.

What the stage `decide` does with them is `urja.apps.supply.switching` and `urja.apps.supply.standings`.
"""

from datetime import datetime

from django.db import connection, transaction

from urja.apps.supply.errors import PolicyConflict, UnknownHold, UnknownPolicy
from urja.apps.supply.models import ORDERED, Order, OrderAction, PolicyAssignment, PolicyVersion
from urja.core.policy import bundled_policies, parse_policy


def load_policy(text: str, *, recorded_at: datetime, actor: str) -> PolicyVersion:
    """Store a document as a version of its policy; loading the same text again changes nothing.

    The first policy of an installation governs everybody until `assign_policy` says otherwise. Raises
    core.policy.PolicyError with every fault of the document, PolicyConflict where its code and version are taken
    by another text.
    """
    policy = parse_policy(text)
    fresh = PolicyVersion(
        code=policy.code,
        version=policy.version,
        valid_from=policy.valid_from,
        text=text,
        sha256=policy.sha256,
        recorded_at=recorded_at,
        actor=actor,
    )
    with transaction.atomic():
        PolicyVersion.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = PolicyVersion.objects.get(code=policy.code, version=policy.version)
        if stored.sha256 != policy.sha256:
            raise PolicyConflict(f"policy {policy.code} {policy.version} is stored with another text")
        PolicyAssignment.objects.bulk_create(
            [PolicyAssignment(category="", code=policy.code, recorded_at=recorded_at, actor=actor)],
            ignore_conflicts=True,
        )
        look_at_all_again()
    return stored


def load_bundled_policy(name: str, *, recorded_at: datetime, actor: str) -> PolicyVersion:
    """One of the documents that come with Urja, by its file name such as `plain.toml`."""
    return load_policy(bundled_policies()[name], recorded_at=recorded_at, actor=actor)


def assign_policy(category: str, code: str, *, recorded_at: datetime, actor: str) -> None:
    """Let a policy govern a consumer category (empty: everybody else); raises UnknownPolicy."""
    if not PolicyVersion.objects.filter(code=code).exists():
        raise UnknownPolicy(f"no version of a policy {code!r} is stored")
    with transaction.atomic():
        PolicyAssignment.objects.update_or_create(
            category=category, defaults={"code": code, "recorded_at": recorded_at, "actor": actor}
        )
        look_at_all_again()


def request_hold(
    service_point_id: int, reason: str, *, actor: str, requested_at: datetime, note: str = ""
) -> Order:
    """Order that a supply be held off (`ORDERED`); the pipeline switches. Raises UnknownHold."""
    return _order(OrderAction.HOLD, service_point_id, reason, actor, requested_at, note)


def request_release(
    service_point_id: int, reason: str, *, actor: str, requested_at: datetime, note: str = ""
) -> Order:
    """Order that one reason be taken away; supply returns when none is left. Raises UnknownHold."""
    return _order(OrderAction.RELEASE, service_point_id, reason, actor, requested_at, note)


def _order(
    action: OrderAction, service_point_id: int, reason: str, actor: str, requested_at: datetime, note: str
) -> Order:
    if reason not in ORDERED:
        raise UnknownHold(f"no supply is held off for {reason!r}; known: {', '.join(ORDERED)}")
    return Order.objects.create(
        service_point_id=service_point_id,
        action=action,
        hold=reason,
        note=note,
        actor=actor,
        requested_at=requested_at,
    )


def look_at_all_again() -> None:
    """Let every account be decided anew, as after a change of the rules."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE supply_state SET seen_seq = -1")
