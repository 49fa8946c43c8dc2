"""Staff, access to accounts, tokens of the API, changes of addresses, sign-in events and codes, reads of personal data."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from urja.apps.identity.kinds import (
    AccessRole,
    AddressChangeState,
    CodeMedium,
    CodeOutcome,
    SignInKind,
    StaffRole,
)
from urja.apps.journal.periods import Period, Recorded, ends_after_it_begins


class AddressChange(models.Model):
    """A change of the address that a user signs in with. The old address stays until the new one is confirmed.

    Both addresses are sent words that confirm or refuse it; only their SHA-256 digests are stored.
    """

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, null=True, related_name="+")
    old_email = models.CharField(max_length=254)
    new_email = models.CharField(max_length=254)
    system = models.CharField(max_length=32, blank=True, default="")
    """The outside system that requested it; empty where a person did."""
    of_staff = models.BooleanField(default=False)
    """Whether a command on the machine itself requested it: only such a command changes a staff identity."""
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=100)
    operation_id = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=AddressChangeState, default=AddressChangeState.WAITING)
    mailed_at = models.DateTimeField(null=True)
    new_digest = models.BinaryField(max_length=32, null=True)
    old_digest = models.BinaryField(max_length=32, null=True)
    refusal_digest = models.BinaryField(max_length=32, null=True)
    new_confirmed_at = models.DateTimeField(null=True)
    old_confirmed_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=100, blank=True, default="")
    approval_counts_from = models.DateTimeField(null=True)
    """From then on the approval takes the place of a confirmation by the old address."""
    approval_told_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "identity_address_change"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state=AddressChangeState.WAITING),
                name="identity_one_address_change",
            ),
        ]

    def __str__(self) -> str:
        return f"address change {self.id} of user {self.user_id}"


class AddressAnswer(models.Model):
    """A word from a mail, as a person brought it. The web stores it unverified; the pipeline judges it."""

    word = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "identity_address_answer"

    def __str__(self) -> str:
        return f"answer {self.id}"


class AccountAccess(Recorded):
    """A person who may see an account. Their sign-in and contact addresses are those of the person."""

    id = models.BigIntegerField(primary_key=True)
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="accesses")
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="accesses")
    role = models.CharField(max_length=16, choices=AccessRole)

    class Meta:
        db_table = "identity_account_access"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "account"], name="identity_one_access"),
        ]

    def __str__(self) -> str:
        return f"{self.role} of account {self.account_id}"


class Employment(Period):
    """A user's staff role for a period, everywhere or in one area: an administrative node, or a society."""

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="employments")
    role = models.CharField(max_length=16, choices=StaffRole)
    node = models.ForeignKey("network.Node", on_delete=models.PROTECT, null=True, related_name="+")
    premise = models.ForeignKey("network.Premise", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            ends_after_it_begins("identity_employment"),
            models.CheckConstraint(
                condition=~Q(role=StaffRole.SECRETARY) | Q(premise__isnull=False),
                name="identity_secretary_of_a_society",
            ),
            models.CheckConstraint(
                condition=Q(node=None) | Q(premise=None), name="identity_employment_one_area"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"


class PersonalRead(models.Model):
    """A read of another person's personal data. Rows are only added."""

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    token = models.ForeignKey("identity.Token", on_delete=models.PROTECT, null=True, related_name="+")
    """The token that was used; a program's token has no user beside it."""
    person = models.ForeignKey("people.Person", on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=100)
    """The page or the resource."""
    read_at = models.DateTimeField()

    class Meta:
        db_table = "identity_personal_read"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(token__isnull=False), name="identity_read_by_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or self.token_id} read {self.person_id}"


class Token(Recorded):
    """A token of the API: a person's own, with their roles, or a program's, with one role in one area."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=100, unique=True)
    prefix = models.CharField(max_length=8, unique=True)
    """The public part, by which it is found and named; it grants nothing."""
    digest = models.BinaryField(max_length=32)
    """SHA-256 of its 32 random bytes, which are not stored."""
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="tokens"
    )
    role = models.CharField(max_length=16, choices=StaffRole, null=True)  # noqa: DJ001 - none where it is a person's
    node = models.ForeignKey("network.Node", on_delete=models.PROTECT, null=True, related_name="+")
    premise = models.ForeignKey("network.Premise", on_delete=models.PROTECT, null=True, related_name="+")
    scopes = models.JSONField()
    """`read:load_curve`, `write:*` ...: it may do no more than these, whatever its roles allow."""
    per_minute = models.IntegerField()
    """The most requests a minute, averaged over time."""
    expires_at = models.DateTimeField()
    """By the wall clock, like sessions and sign-in codes."""
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    """By the wall clock, to the minute."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(user=None) & Q(role__isnull=False)) | (Q(user__isnull=False) & Q(role=None)),
                name="identity_token_of_one",
            ),
            models.CheckConstraint(
                condition=Q(node=None, premise=None)
                | (Q(role__isnull=False) & (Q(node=None) | Q(premise=None))),
                name="identity_token_one_area",
            ),
            models.CheckConstraint(
                condition=Q(role=None) | ~Q(role=StaffRole.SECRETARY) | Q(premise__isnull=False),
                name="identity_token_secretary_of_a_society",
            ),
            models.CheckConstraint(condition=Q(per_minute__gt=0), name="identity_token_per_minute"),
        ]

    def __str__(self) -> str:
        return f"token {self.prefix} ({self.name})"


class SignIn(models.Model):
    """A sign-in event with its origin. Rows are only added by the web; limits are counted by them.

    Times are of the wall clock. A stolen web can add events that did not happen, and remove none.
    """

    at = models.DateTimeField()
    kind = models.CharField(max_length=24, choices=SignInKind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    """None where no account has the address that was typed."""
    address_digest = models.BinaryField(max_length=32)
    """Keyed digest of the e-mail address that was typed.

    Under the web's secret key, so that addresses of strangers are not stored.
    """
    ip = models.GenericIPAddressField(null=True)
    network = models.CharField(max_length=45)
    """What is counted as one place: an IPv4 address, or the first 64 bits of an IPv6 address."""
    device_digest = models.BinaryField(max_length=32, null=True)
    """Digest of a browser that has signed in with the address before; None for any other."""

    class Meta:
        db_table = "identity_sign_in"
        indexes: ClassVar = [
            models.Index(fields=["address_digest", "at"], name="identity_sign_in_address"),
            models.Index(fields=["network", "at"], name="identity_sign_in_network"),
            models.Index(fields=["at"], name="identity_sign_in_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class SignInCode(models.Model):
    """A sign-in code that the web has made and the pipeline mails or sends by SMS. Times are of the wall clock.

    The web names a user, digits and a language; address and text are the pipeline's. The code is blanked when the row ends.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    """None where no account has the address that was typed: the row is there so that both take the same steps."""
    medium = models.CharField(
        max_length=5, choices=CodeMedium, default=CodeMedium.EMAIL, db_default=CodeMedium.EMAIL
    )
    code = models.CharField(max_length=12, blank=True)
    language = models.CharField(max_length=3)
    requested_at = models.DateTimeField(db_default=Now())
    """The database's time: the web may not set it."""
    due_at = models.DateTimeField(null=True)
    """When it is tried again; None where that is at once."""
    relay_failed_at = models.DateTimeField(null=True)
    """When the relay last took no mail at all. It says nothing of the address, so the page may show it."""
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=CodeOutcome, blank=True, default="", db_default="")

    class Meta:
        db_table = "identity_sign_in_code"
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(ended_at=None), name="identity_sign_in_code_pending"),
            models.Index(fields=["ended_at"], name="identity_sign_in_code_ended"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(medium__in=["email", "sms"]), name="identity_sign_in_code_medium"
            ),
            models.CheckConstraint(
                condition=Q(code__regex="^([0-9]{6}|[0-9]{12})?$"), name="identity_sign_in_code_digits"
            ),
            # It names a file of texts.
            models.CheckConstraint(
                condition=Q(language__regex="^[a-z]{2,3}$"), name="identity_sign_in_code_language"
            ),
            models.CheckConstraint(
                condition=(Q(ended_at=None) & ~Q(code="")) | (Q(ended_at__isnull=False) & Q(code="")),
                name="identity_sign_in_code_blanked",
            ),
        ]

    def __str__(self) -> str:
        return f"sign-in code {self.id} for user {self.user_id}"
