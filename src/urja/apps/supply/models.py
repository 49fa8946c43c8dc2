"""What is known of each supply: holds, standings, switchings, and the ways back to light.

Business times end in `_at`; beside those of the chain from a payment to light stand wall milliseconds (Unix),
because a demonstration runs on a fast clock over links that do not.
"""

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from urja.apps.supply.kinds import Cause
from urja.core.policy import HOLDS, Standing

HELD_BY_HAND: Final = tuple(sorted(reason for reason, rule in HOLDS.items() if rule.by_hand))
"""What an operator may hold a supply off for. `credit` is the policy's, and money clears it alone."""

ORDERED: Final = tuple(sorted(HOLDS.keys() - {"credit"}))
"""What an order may name: those, and what follows from an operation of the registry."""


class OrderAction(models.TextChoices):
    HOLD = "hold"
    RELEASE = "release"


class Order(models.Model):
    """An operator's order: a record that the stage `decide` acts on, so that it passes the same guards."""

    service_point = models.ForeignKey("network.ServicePoint", on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=16, choices=OrderAction)
    hold = models.CharField(max_length=16)
    note = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=100)
    requested_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(applied_at=None), name="supply_order_waiting"),
        ]
        constraints: ClassVar = [
            # What was ordered for another reason before there was this table is history.
            models.CheckConstraint(
                condition=Q(applied_at__isnull=False) | Q(hold__in=ORDERED), name="supply_order_known_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.hold} at {self.service_point_id}"


class Hold(models.Model):
    """One reason why a supply is held off. Supply returns when the set of open ones is empty."""

    service_point = models.ForeignKey("network.ServicePoint", on_delete=models.PROTECT, related_name="holds")
    reason = models.CharField(max_length=16)
    placed_at = models.DateTimeField()
    placed_by = models.CharField(max_length=100)
    note = models.TextField(blank=True, default="")
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["service_point", "reason"], condition=Q(released_at=None), name="supply_hold_once"
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=False) | Q(reason__in=sorted(HOLDS)),
                name="supply_hold_known_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} at {self.service_point_id}"


class State(models.Model):
    """Where an account stands: the last decision, and what of the books it has seen."""

    account = models.OneToOneField(
        "books.Account", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    service_point_id = models.BigIntegerField(db_index=True)
    agreement_id = models.BigIntegerField()
    standing = models.CharField(max_length=16, choices=[(s.value, s.value) for s in Standing])
    reason = models.JSONField()
    """`core.policy.Reason`: rule, key, params."""
    decided_at = models.DateTimeField()
    since_at = models.DateTimeField()
    """Since when the standing has been this one."""
    look_again_at = models.DateTimeField(null=True)
    policy = models.CharField(max_length=130)
    """Code and version of the document that decided."""
    supply = models.CharField(max_length=8)
    """What the meter itself confirmed last: on, off, unknown."""
    balance_minor = models.BigIntegerField()
    """The fresh balance that was decided on."""
    limit_minor = models.BigIntegerField()
    """Below which the credit is exhausted."""
    as_of_at = models.DateTimeField(null=True)
    planned_from_at = models.DateTimeField(null=True)
    planned_to_at = models.DateTimeField(null=True)
    below_cut_since = models.DateTimeField(null=True)
    paid_first_at = models.DateTimeField(null=True)
    """The first payment since the credit ran out, and what was due just before it."""
    paid_due_minor = models.BigIntegerField(null=True)
    seen_seq = models.BigIntegerField()
    seen_watermark_at = models.DateTimeField(null=True)
    seen_energy_wh = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["look_again_at"], condition=Q(look_again_at__isnull=False), name="supply_state_due"
            ),
            models.Index(
                fields=["planned_from_at"],
                condition=Q(planned_from_at__isnull=False),
                name="supply_state_planned",
            ),
        ]

    def __str__(self) -> str:
        return f"account {self.account_id}: {self.standing}"


class Decision(models.Model):
    """One line for each change of an account's standing or of its reason: what the story is told from."""

    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    standing = models.CharField(max_length=16)
    reason = models.JSONField()
    policy = models.CharField(max_length=130)
    balance_minor = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "-id"], name="supply_decision_account")]

    def __str__(self) -> str:
        return f"account {self.account_id} at {self.decided_at}: {self.standing}"


class Switching(models.Model):
    """A command to a load switch with everything that it was given on: what the laws look at."""

    command_id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=16)
    cause = models.CharField(max_length=16, choices=Cause)
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    service_point_id = models.BigIntegerField()
    transformer = models.CharField(max_length=32, blank=True, default="")
    ordered_at = models.DateTimeField()
    ordered_wall_ms = models.BigIntegerField()
    window_from_at = models.DateTimeField(null=True)
    window_to_at = models.DateTimeField(null=True)
    policy = models.CharField(max_length=130)
    reason = models.JSONField()
    balance_minor = models.BigIntegerField()
    limit_minor = models.BigIntegerField()
    """No account with this much or more is cut for credit: exhaustion less emergency credit."""
    ledger_seq = models.BigIntegerField()
    """The account's last entry when the command was given."""
    evidence = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["transformer", "kind", "-ordered_at"], name="supply_switching_transformer"),
            models.Index(fields=["account", "-ordered_at"], name="supply_switching_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of account {self.account_id} at {self.ordered_at}"


class Relight(models.Model):
    """A credit that came while the supply was off or being cut: one row of the chain from paid to lit.

    What the command did stands with the command (`apps.commands`).
    """

    credit = models.OneToOneField(
        "books.CreditRequest", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    paid_at = models.DateTimeField()
    paid_wall_ms = models.BigIntegerField()
    seen_at = models.DateTimeField()
    seen_wall_ms = models.BigIntegerField()
    credited_at = models.DateTimeField(null=True)
    credited_wall_ms = models.BigIntegerField(null=True)
    command_id = models.BigIntegerField(null=True)
    ordered_at = models.DateTimeField(null=True)
    ordered_wall_ms = models.BigIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)
    """When the light was back, or the row came to nothing: the credit did not suffice, something else holds."""
    outcome = models.CharField(max_length=16, blank=True, default="")
    """`lit`, `never_dark`, `waiting_for_person`; empty while under way."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "-paid_at"], name="supply_relight_account"),
            models.Index(fields=["account"], condition=Q(closed_at=None), name="supply_relight_open"),
        ]

    def __str__(self) -> str:
        return f"credit {self.credit_id}: {self.outcome or 'under way'}"


class Recovery(models.Model):
    """A restore of the data (`urja.base.restored`), and what was learned since."""

    id = models.CharField(max_length=32, primary_key=True)
    since_at = models.DateTimeField()
    """The time of the copy."""
    noticed_at = models.DateTimeField()
    why = models.CharField(max_length=200)
    gateway_asked_at = models.DateTimeField(null=True)
    """When the gateway had said what it took since the copy."""
    relays_read_at = models.DateTimeField(null=True)
    """When each load switch had been asked for its state."""
    ended_at = models.DateTimeField(null=True)
    """From when on people may be disconnected again."""

    def __str__(self) -> str:
        return f"restore of {self.since_at}: {'ended' if self.ended_at else 'open'}"


class HealthReport(models.Model):
    """Whether the services that a fair cut depends on worked, with the figures it was judged by."""

    at = models.DateTimeField()
    collection = models.BooleanField()
    payments = models.BooleanField()
    messaging = models.BooleanField()
    figures = models.JSONField(default=dict)

    class Meta:
        db_table = "supply_health"
        indexes: ClassVar = [models.Index(fields=["-at"], name="supply_health_at")]

    def __str__(self) -> str:
        return f"health at {self.at}"
