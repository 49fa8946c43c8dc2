"""Loading versions of tariffs and policies, and assigning policies to consumer categories."""

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

    A version may be for past days: the next close posts the difference. Raises TariffError with all faults of the
    document, TariffConflictError where its code and version are stored with another text, UnlikeVersionError where the
    code's versions have another calendar or currency.
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
    # Insert, then read what is stored: of two loads at once one inserts, and both compare with the same row.
    with transaction.atomic():
        TariffVersion.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = TariffVersion.objects.get(code=tariff.code, version=tariff.version)
    if stored.sha256 != tariff.sha256:
        raise TariffConflictError(tariff.code, tariff.version)
    return stored


def load_policy(text: str, *, recorded_at: datetime, actor: str) -> Policy:
    """Store a document as a version of its policy; loading the same text again changes nothing.

    The first policy of an installation becomes the default until `assign_policy` changes it. Raises
    core.policy.PolicyError with all faults of the document, PolicyConflictError where its code and version are stored
    with another text.
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
    """Assign a policy to a consumer category, or as the default with an empty one.

    Raises UnknownPolicyError where no version of the policy is stored.
    """
    if not PolicyVersion.objects.filter(code=code).exists():
        raise UnknownPolicyError(f"no version of policy {code!r} is stored; load it (urja policy load)")
    PolicyAssignment.objects.update_or_create(
        category=category, defaults={"code": code, "recorded_at": recorded_at, "actor": actor}
    )
