"""What waits for approval and who has passkeys, for pages."""

from django.db.models import QuerySet

from urja.apps.approvals.models import OPEN, Answer, Credential, Enrolment, Waiting


def open_approvals() -> QuerySet[Waiting]:
    """Operations that wait for passkeys or for a delay, the oldest first."""
    found = Waiting.objects.filter(state__in=OPEN).select_related("request")
    return found.order_by("asked_at", "pk")


def approval_of(request_id: int) -> Waiting | None:
    """The approval of a request, whether it waits or has ended."""
    return (
        Waiting.objects.filter(pk=request_id)
        .select_related("request", "actor_credential__user", "second_credential__user")
        .first()
    )


def last_answer(request_id: int, user_id: int) -> Answer | None:
    """What a person said last of an operation that waits."""
    return Answer.objects.filter(waiting_id=request_id, user_id=user_id).order_by("-id").first()


def passkeys_of(user_id: int) -> QuerySet[Credential]:
    """A person's passkeys, also those that were revoked."""
    return Credential.objects.filter(user_id=user_id).order_by("id")


def last_enrolment(user_id: int) -> Enrolment | None:
    """What a person enrolled last, or tried to."""
    return Enrolment.objects.filter(user_id=user_id).order_by("-id").first()
