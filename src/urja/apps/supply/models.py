"""Tables of the supply: orders, holds, states, decisions, switching, reconnections, restores and health.

Business times end in `_at`. The steps from a payment to the reconnection have wall milliseconds (Unix) beside them,
because a demonstration runs on a fast clock over links that do not.
"""

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from urja.apps.supply.kinds import Cause
from urja.core.policy import HOLDS, Standing

HELD_BY_HAND: Final = tuple(sorted(reason for reason, rule in HOLDS.items() if rule.by_hand))
"""Reasons that an operator may give. `credit` belongs to the policy, and only money clears it."""

ORDERED: Final = tuple(sorted(HOLDS.keys() - {"credit"}))
"""Reasons that an order may name: those of operators and those that registry operations cause."""


class OrderAction(models.TextChoices):
    """What an order does with a hold."""

    HOLD = "hold"
    RELEASE = "release"


class Order(models.Model):
    """An operator's order, stored so that the stage `decide` acts on it with the same guards as on everything else."""

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
            # Applied orders are history and may name a reason that no longer exists.
            models.CheckConstraint(
                condition=Q(applied_at__isnull=False) | Q(hold__in=ORDERED), name="supply_order_known_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.hold} at {self.service_point_id}"


class Hold(models.Model):
    """One reason to keep a supply off. The supply is reconnected when no open one is left."""

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
    """The last decision about an account, and which part of the ledger and readings it has seen."""

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
    """Since when the standing has been the same."""
    look_again_at = models.DateTimeField(null=True)
    policy = models.CharField(max_length=130)
    """Code and version of the policy document that was applied."""
    supply = models.CharField(max_length=8)
    """What the meter has confirmed last: `on`, `off` or `unknown`."""
    balance_minor = models.BigIntegerField()
    """The fresh balance of the decision, in minor units."""
    limit_minor = models.BigIntegerField()
    """The balance below which credit counts as exhausted."""
    as_of_at = models.DateTimeField(null=True)
    planned_from_at = models.DateTimeField(null=True)
    planned_to_at = models.DateTimeField(null=True)
    below_cut_since = models.DateTimeField(null=True)
    paid_first_at = models.DateTimeField(null=True)
    """The first payment since the credit was exhausted, and what was due just before it."""
    paid_due_minor = models.BigIntegerField(null=True)
    seen_seq = models.BigIntegerField()
    seen_watermark_at = models.DateTimeField(null=True)
    seen_billed_value = models.BigIntegerField(null=True)

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
    """A change of an account's standing or of its reason; the account's history is written from these rows."""

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
    """A command to a load switch with everything that it rested on; the laws check it against the rules."""

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
    """No account with this balance or more is disconnected for credit: exhaustion less emergency credit."""
    ledger_seq = models.BigIntegerField()
    """The account's last ledger entry when the command was given."""
    evidence = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["transformer", "kind", "-ordered_at"], name="supply_switching_transformer"),
            models.Index(fields=["account", "-ordered_at"], name="supply_switching_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of account {self.account_id} at {self.ordered_at}"


class Reconnection(models.Model):
    """The steps from a payment to the reconnection of a supply.

    A row for each credit recorded while the supply was off or being disconnected. The steps of the command itself are
    stored with the command (`apps.commands`).
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
    """When the supply was reconnected, or the row ended otherwise: the credit is too small, or another hold is open."""
    outcome = models.CharField(max_length=16, blank=True, default="")
    """`reconnected`, `never_off` (never disconnected), `not_enough`, `held`; empty while under way."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "-paid_at"], name="supply_reconnection_account"),
            models.Index(fields=["account"], condition=Q(closed_at=None), name="supply_reconnection_open"),
        ]

    def __str__(self) -> str:
        return f"credit {self.credit_id}: {self.outcome or 'under way'}"


class Recovery(models.Model):
    """A restore of the database (`urja.base.restored`), and what was found out since."""

    id = models.CharField(max_length=32, primary_key=True)
    since_at = models.DateTimeField()
    """The time of the backup."""
    noticed_at = models.DateTimeField()
    why = models.CharField(max_length=200)
    gateway_asked_at = models.DateTimeField(null=True)
    """When the gateway had been asked for all payments since the backup."""
    relays_read_at = models.DateTimeField(null=True)
    """When the relay state of each meter had been requested."""
    ended_at = models.DateTimeField(null=True)
    """From when on supplies may be disconnected again."""

    def __str__(self) -> str:
        return f"restore of {self.since_at}: {'ended' if self.ended_at else 'open'}"


class HealthReport(models.Model):
    """Whether the services that a fair disconnection depends on worked, with the figures of the assessment."""

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


class AreaHealth(models.Model):
    """Whether the meters beneath one administrative node reported, from one instant to another; written when it changes."""

    node = models.ForeignKey("network.Node", on_delete=models.PROTECT, related_name="+")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)
    collection = models.BooleanField()
    meters = models.IntegerField()
    """Meters beneath it that were to have data at `from_at`."""
    meters_young = models.IntegerField()
    """Those of them that had fresh data."""

    class Meta:
        db_table = "supply_area_health"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["node"], condition=Q(until_at=None), name="supply_one_area_health"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["node", "from_at"], name="supply_area_health_node")]

    def __str__(self) -> str:
        return f"collection at node {self.node_id} from {self.from_at}"
