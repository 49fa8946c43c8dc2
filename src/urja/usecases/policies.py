"""Policies are loaded and assigned, and every account is decided again."""

from datetime import datetime

from django.db import transaction

from urja.apps.rulebook import operations as rulebook
from urja.apps.supply.operations import decide_all_again
from urja.core.policy import Policy, bundled_policies


def load_policy(text: str, *, recorded_at: datetime, actor: str) -> Policy:
    """Store a document as a version of its policy. Raises as `rulebook.operations.load_policy`."""
    with transaction.atomic():
        policy = rulebook.load_policy(text, recorded_at=recorded_at, actor=actor)
        decide_all_again()
    return policy


def load_bundled_policy(name: str, *, recorded_at: datetime, actor: str) -> Policy:
    """Store one of the documents that come with Urja, by its file name, such as `plain.toml`."""
    return load_policy(bundled_policies()[name], recorded_at=recorded_at, actor=actor)


def assign_policy(category: str, code: str, *, recorded_at: datetime, actor: str) -> None:
    """Select the policy of a consumer category (empty for the default). Raises UnknownPolicyError."""
    with transaction.atomic():
        rulebook.assign_policy(category, code, recorded_at=recorded_at, actor=actor)
        decide_all_again()
