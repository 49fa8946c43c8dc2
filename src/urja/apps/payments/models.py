"""Orders, payments, and the inbox of what came in. States only go forward; a trigger holds every role to it.

An order is what somebody wanted to pay; a payment is one attempt at it, as the gateway knows it. Several payments may
hang on an order, and one at most of them becomes a credit.
"""

from typing import ClassVar, Final

from django.db import models

from urja.apps.payments.kinds import InboxSource, OrderState, PaymentState, RefundKind

RECEIPT: Final = "urja-"
"""How our names of orders at the gateway begin."""


MOST_WAITING: Final = 2000
"""Rows of the inbox that wait: a trigger takes no more, and the gateway sends what was not taken again."""


class Order(models.Model):
    """An amount that somebody wants to pay towards an account."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    user_id = models.BigIntegerField(null=True)
    """Who asked for it."""
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    provider = models.CharField(max_length=32)
    """The gateway's name in the settings; here as in every row."""
    provider_order_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 - none until the gateway took it
    state = models.CharField(
        max_length=16, choices=OrderState, default=OrderState.CREATED, db_default=OrderState.CREATED
    )
    correlation = models.BigIntegerField()
    created_at = models.DateTimeField()
    pending_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    """When we learned of it."""
    credited_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """When it failed last, expired or was reversed."""
    ask_at = models.DateTimeField(null=True)
    """When it is placed or asked after next; none: at once where it is not placed, else not any more."""
    asked = models.IntegerField(default=0, db_default=0)
    """How often the gateway was asked to take it, then how often it was asked after."""
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
        """Our name for it at the gateway."""
        return f"{RECEIPT}{self.id}"


class Payment(models.Model):
    """One payment at the gateway. Its id is the key of the credit: no payment is credited twice."""

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
    """When the gateway says it began."""
    seen_at = models.DateTimeField()
    authorised_at = models.DateTimeField(null=True)
    """When we learned that the payer's bank had agreed."""
    captured_at = models.DateTimeField(null=True)
    credit_id = models.BigIntegerField(null=True)
    """The ledger's credit request; none while it is not credited."""
    refunded_minor = models.BigIntegerField(default=0)
    """What has gone back to the payer, as far as refunds are known here."""
    settled_at = models.DateTimeField(null=True)
    """When the gateway paid it out to us, by a row of its report that fits."""

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
    """The ledger's debit request; none where the payment was never credited."""
    settled_at = models.DateTimeField(null=True)
    """When the gateway took it from what it pays out to us."""

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
    """A webhook or a return as it came in, byte by byte: recorded by the web, which verifies nothing."""

    provider = models.CharField(max_length=32)
    source = models.CharField(max_length=8, choices=InboxSource, default=InboxSource.WEBHOOK)
    order_id = models.BigIntegerField(null=True)
    """Of a return, the order that its address names."""
    body = models.BinaryField()
    headers = models.JSONField(default=dict, db_default={})
    """Those of a webhook that its provider names, by name in small letters."""
    received_at = models.DateTimeField()
    received_wall_ms = models.BigIntegerField()
    processed_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=32, blank=True, default="", db_default="")
    """`asked` (the gateway was asked about what it names), `forged`, `refused` (the gateway knows nothing of it),
    `ignored` (of a known kind, and nothing to ask about), `unknown_kind`, `unreadable`."""

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
    """Something about money that no rule settles: kept for a clerk, and not credited."""

    provider = models.CharField(max_length=32)
    payment_id = models.CharField(max_length=64)
    order_id = models.BigIntegerField(null=True)
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=32)
    """`unknown_order`, `other_receipt`, `other_amount`, `other_content`, `second_payment`, `refund_exceeds`,
    `dispute_open`, `dispute_lost` (then `payment_id` is the dispute's); or, with what the gateway paid out, one of `reconciling.REASONS`: then `payment_id` may be a refund's."""
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
    """A day's settlements at a gateway, and whether its report was had whole."""

    provider = models.CharField(max_length=32)
    day = models.DateField()
    asked_at = models.DateTimeField(null=True)
    """When it was last had."""
    closed_at = models.DateTimeField(null=True)
    """Since when it is not asked for any more: it was had after its end."""
    last_error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "payments_settlement_report"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "day"], name="payments_settlement_report_day"),
        ]

    def __str__(self) -> str:
        return f"settlements of {self.day}"


class SettlementRow(models.Model):
    """A row of the gateway's settlement report, as it told it. Only `matched_at` ever changes."""

    provider = models.CharField(max_length=32)
    entity_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    payment_id = models.CharField(max_length=64, blank=True)
    settlement_id = models.CharField(max_length=64)
    utr = models.CharField(max_length=64, blank=True)
    day = models.DateField()
    """The local day of the report that it stands in."""
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
    """When our books were seen to say the same."""

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
    """Refunds made before this instant have been asked for."""

    class Meta:
        db_table = "payments_gateway"

    def __str__(self) -> str:
        return f"gateway {self.provider}"
