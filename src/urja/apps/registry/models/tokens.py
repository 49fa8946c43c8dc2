"""Keys to the API, of people and of programs. What is kept of a key is its hash."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.registry.models.base import Recorded
from urja.apps.registry.models.network import Node
from urja.apps.registry.models.people import StaffRole
from urja.apps.registry.models.places import Premise


class Token(Recorded):
    """A key: somebody's own, with whose roles it comes, or a program's, with one role in one area."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=100, unique=True)
    prefix = models.CharField(max_length=8, unique=True)
    """By which it is found and spoken of; it opens nothing."""
    digest = models.BinaryField(max_length=32)
    """SHA-256 of its 32 random bytes, which are kept nowhere."""
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="tokens"
    )
    role = models.CharField(max_length=16, choices=StaffRole, null=True)  # noqa: DJ001 - none where it is a person's
    node = models.ForeignKey(Node, on_delete=models.PROTECT, null=True, related_name="+")
    premise = models.ForeignKey(Premise, on_delete=models.PROTECT, null=True, related_name="+")
    scopes = models.JSONField()
    """`read:load_curve`, `write:*` ...: it may no more than these, whatever its roles may."""
    per_minute = models.IntegerField()
    """How many requests it may make, over time."""
    expires_at = models.DateTimeField()
    """By the wall clock, as sessions and sign-in codes."""
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    """By the wall clock, to the minute."""

    class Meta:
        db_table = "registry_token"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(user=None) & Q(role__isnull=False)) | (Q(user__isnull=False) & Q(role=None)),
                name="registry_token_of_one",
            ),
            models.CheckConstraint(
                condition=Q(node=None, premise=None)
                | (Q(role__isnull=False) & (Q(node=None) | Q(premise=None))),
                name="registry_token_one_area",
            ),
            models.CheckConstraint(
                condition=Q(role=None) | ~Q(role=StaffRole.SECRETARY) | Q(premise__isnull=False),
                name="registry_token_secretary_of_a_society",
            ),
            models.CheckConstraint(condition=Q(per_minute__gt=0), name="registry_token_per_minute"),
        ]

    def __str__(self) -> str:
        return f"token {self.prefix} ({self.name})"
