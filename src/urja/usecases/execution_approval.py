"""The approval by passkey under which an operation is carried out."""

from urja.apps.approvals.models import Waiting
from urja.apps.journal.models import AuditEntry
from urja.apps.journal.operation import Execution


def approval_of(execution: Execution) -> Waiting | None:
    """Return the approval under which the present operation is carried out; None in a dry run, and where none was needed."""
    key = AuditEntry.objects.values_list("idempotency_key", flat=True).get(id=execution.id) or ""
    kind, _, request_id = key.partition(":")
    if kind != "request":
        return None
    return Waiting.objects.filter(pk=int(request_id), ended_at=None, actor_credential__isnull=False).first()
