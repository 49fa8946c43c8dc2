"""Orders, payments, refunds, settlements, and the inbox.

States only move forward; a trigger enforces it for every role. An order is what a payer wants to pay; a payment is one
attempt at it, as the gateway knows it. An order may have several payments, of which at most one becomes a credit.
Amounts are in minor units.
"""

from typing import ClassVar, Final

from django.db import models

from urja.apps.payments.kinds import InboxSource, OrderState, PaymentState, RefundKind

RECEIPT: Final = "urja-"
"""Prefix of our order names at the gateway."""


MOST_WAITING: Final = 2000
"""Limit of open rows in the inbox: a trigger refuses more, and gateways send a refused webhook again."""


class Order(models.Model):
    """An amount that a payer wants to pay to an account."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    user_id = models.BigIntegerField(null=True)
    """The user who requested it; None without a login."""
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    provider = models.CharField(max_length=32)
    """Name of the gateway in the settings, here and in every table."""
    provider_order_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 - none until the gateway took it
    state = models.CharField(
        max_length=16, choices=OrderState, default=OrderState.CREATED, db_default=OrderState.CREATED
    )
    correlation = models.BigIntegerField()
    created_at = models.DateTimeField()
    pending_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    """When the pipeline learned of it."""
    credited_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """When it last failed, expired or was reversed."""
    ask_at = models.DateTimeField(null=True)
    """When it is placed or queried next. None means at once while it is not placed, later never."""
    asked = models.IntegerField(default=0, db_default=0)
    """How often placing was attempted, then how often the order was queried."""
    last_error = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "provider_order_id"], name="payments_order_of_provider"
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="payments_order_is_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "-created_at"], name="payments_order_by_account"),
            models.Index(
                fields=["ask_at"], condition=models.Q(ask_at__isnull=False), name="payments_order_to_ask"
            ),
            models.Index(
                fields=["created_at"], condition=models.Q(state="created"), name="payments_order_to_place"
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.id} of {self.amount_minor}: {self.state}"

    @property
    def receipt(self) -> str:
        """Our name of the order at the gateway."""
        return f"{RECEIPT}{self.id}"


class Payment(models.Model):
    """A payment at the gateway. Its id is the idempotency key of the credit, so no payment is credited twice."""

    provider = models.CharField(max_length=32)
    payment_id = models.CharField(max_length=64)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    account_id = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=PaymentState)
    method = models.CharField(max_length=32, blank=True, default="")
    error = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()
    """When it began, by the gateway."""
    seen_at = models.DateTimeField()
    authorised_at = models.DateTimeField(null=True)
    """When the pipeline learned that the payer's bank had agreed."""
    captured_at = models.DateTimeField(null=True)
    credit_id = models.BigIntegerField(null=True)
    """The ledger's credit request; None while it is not credited."""
    refunded_minor = models.BigIntegerField(default=0)
    """Sum of the known refunds."""
    settled_at = models.DateTimeField(null=True)
    """When the gateway paid it out, by a matching row of its settlement report."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "payment_id"], name="payments_payment_id"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["account_id"],
                condition=models.Q(authorised_at__isnull=False, credit_id=None),
                name="payments_authorised",
            ),
            models.Index(
                fields=["captured_at"],
                condition=models.Q(credit_id__isnull=False, settled_at=None),
                name="payments_in_transit",
            ),
        ]

    def __str__(self) -> str:
        return f"payment {self.payment_id} of {self.amount_minor}: {self.state}"


class Refund(models.Model):
    """Money that went back to the payer."""

    provider = models.CharField(max_length=32)
    refund_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=8, choices=RefundKind, default=RefundKind.REFUND)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField()
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    debit_id = models.BigIntegerField(null=True)
    """The ledger's debit request; None where the payment was never credited."""
    settled_at = models.DateTimeField(null=True)
    """When the gateway deducted it from a settlement."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "refund_id"], name="payments_refund_id"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["seen_at"],
                condition=models.Q(debit_id__isnull=False, settled_at=None),
                name="payments_refund_in_transit",
            ),
        ]

    def __str__(self) -> str:
        return f"refund {self.refund_id} of {self.amount_minor}"


class Inbox(models.Model):
    """A webhook or a return exactly as it came in: stored by the web, which verifies nothing."""

    provider = models.CharField(max_length=32)
    source = models.CharField(max_length=8, choices=InboxSource, default=InboxSource.WEBHOOK)
    order_id = models.BigIntegerField(null=True)
    """For a return, the order that its URL names."""
    body = models.BinaryField()
    headers = models.JSONField(default=dict, db_default={})
    """Headers that the provider needs for its signature, with names in lower case."""
    received_at = models.DateTimeField()
    received_wall_ms = models.BigIntegerField()
    processed_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=32, blank=True, default="", db_default="")
    """`asked` (the gateway was queried about what it names), `forged`, `refused` (the gateway does not know it),
    `ignored` (a known kind that needs no query), `unknown_kind`, `unreadable`."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "order_id"],
                condition=models.Q(source="return", processed_at=None),
                name="payments_inbox_one_return",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(processed_at=None), name="payments_inbox_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.id}: {self.verdict or 'waiting'}"


class Unmatched(models.Model):
    """A difference in money that no rule settles: not credited, and left to a clerk."""

    provider = models.CharField(max_length=32)
    payment_id = models.CharField(max_length=64)
    order_id = models.BigIntegerField(null=True)
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=32)
    """`unknown_order`, `other_receipt`, `other_amount`, `other_content`, `second_payment`, `refund_exceeds`,
    `dispute_open`, `dispute_lost` (then `payment_id` is the dispute's); or, for settlements, one of
    `reconciliation.REASONS`: then `payment_id` may be a refund's."""
    detail = models.JSONField(default=dict)
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "payment_id", "reason", "amount_minor"], name="payments_unmatched_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.reason}"


class SettlementReport(models.Model):
    """The settlements of one day at a gateway, and whether the report was read completely."""

    provider = models.CharField(max_length=32)
    day = models.DateField()
    asked_at = models.DateTimeField(null=True)
    """When it was last read."""
    closed_at = models.DateTimeField(null=True)
    """Since when it is not requested any more: it was read after the day's end."""
    last_error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "payments_settlement_report"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "day"], name="payments_settlement_report_day"),
        ]

    def __str__(self) -> str:
        return f"settlements of {self.day}"


class SettlementRow(models.Model):
    """A row of the gateway's settlement report, as reported. Only `matched_at` ever changes."""

    provider = models.CharField(max_length=32)
    entity_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    payment_id = models.CharField(max_length=64, blank=True)
    settlement_id = models.CharField(max_length=64)
    utr = models.CharField(max_length=64, blank=True)
    day = models.DateField()
    """The local day of the report."""
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    fee_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    credit_minor = models.BigIntegerField()
    debit_minor = models.BigIntegerField()
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    matched_at = models.DateTimeField(null=True)
    """When the ledger was found to agree."""

    class Meta:
        db_table = "payments_settlement_row"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "entity_id"], name="payments_settlement_row_entity"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-day", "settlement_id"], name="payments_settlement_by_day"),
            models.Index(
                fields=["id"], condition=models.Q(matched_at=None), name="payments_settlement_unmatched"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.entity_id} in {self.settlement_id}"


class GatewayHealth(models.Model):
    """When a gateway was asked, and when it answered."""

    provider = models.CharField(max_length=32, primary_key=True)
    first_asked_at = models.DateTimeField()
    last_asked_at = models.DateTimeField()
    last_answered_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True, default="")
    refunds_through_at = models.DateTimeField()
    """Refunds up to this instant are known."""

    class Meta:
        db_table = "payments_gateway"

    def __str__(self) -> str:
        return f"gateway {self.provider}"
