"""The writing side of the rulebook."""

from datetime import datetime

from django.db import transaction

from urja.apps.rulebook.errors import (
    PolicyConflictError,
    TariffConflictError,
    UnknownPolicyError,
    UnlikeVersionError,
)
from urja.apps.rulebook.models import PolicyAssignment, PolicyVersion, TariffVersion
from urja.core.policy import Policy, parse_policy
from urja.core.rating import parse_tariff


def load_tariff(text: str, loaded_at: datetime) -> TariffVersion:
    """Store a document as a version of its tariff; loading the same text again changes nothing.

    Raises TariffError with every fault of the document, TariffConflictError where its code and version are taken
    by another text, UnlikeVersionError where the versions of the code have another calendar or currency. A version
    whose days are past is welcome: the next close posts the difference.
    """
    tariff = parse_tariff(text)
    for known in TariffVersion.objects.filter(code=tariff.code).order_by("id")[:1]:
        if why := tariff.conflict_with(parse_tariff(known.text)):
            raise UnlikeVersionError(tariff.code, tariff.version, why)
    fresh = TariffVersion(
        code=tariff.code,
        version=tariff.version,
        valid_from=tariff.valid_from,
        text=text,
        sha256=tariff.sha256,
        loaded_at=loaded_at,
    )
    with transaction.atomic():
        TariffVersion.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = TariffVersion.objects.get(code=tariff.code, version=tariff.version)
    if stored.sha256 != tariff.sha256:
        raise TariffConflictError(tariff.code, tariff.version)
    return stored


def load_policy(text: str, *, recorded_at: datetime, actor: str) -> Policy:
    """Store a document as a version of its policy; loading the same text again changes nothing.

    The first policy of an installation governs everybody until `assign_policy` says otherwise. Raises
    core.policy.PolicyError with every fault of the document, PolicyConflictError where its code and version are taken
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
            raise PolicyConflictError(f"policy {policy.code} {policy.version} is stored with another text")
        PolicyAssignment.objects.bulk_create(
            [PolicyAssignment(category="", code=policy.code, recorded_at=recorded_at, actor=actor)],
            ignore_conflicts=True,
        )
    return policy


def assign_policy(category: str, code: str, *, recorded_at: datetime, actor: str) -> None:
    """Let a policy govern a consumer category (empty: everybody else); raises UnknownPolicyError."""
    if not PolicyVersion.objects.filter(code=code).exists():
        raise UnknownPolicyError(f"no version of a policy {code!r} is stored")
    PolicyAssignment.objects.update_or_create(
        category=category, defaults={"code": code, "recorded_at": recorded_at, "actor": actor}
    )
