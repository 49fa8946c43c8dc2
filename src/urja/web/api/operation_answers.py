"""Answers about operations: their kinds, and the requests for them."""

from datetime import datetime

from urja.base.untyped_values import JsonObject
from urja.web.api.answers import Shown


class OperationRequest(Shown, frozen=True, kw_only=True):
    """A request for an operation, and its outcome."""

    id: int
    kind: str
    state: str
    """`waiting`, `done` or `refused`."""
    dry_run: bool
    requested_at: datetime
    answered_at: datetime | None
    faults: list[str]
    operation_id: int | None
    """Number of its record in the audit; null for a dry run."""
    outcome: JsonObject
    """Keys of the objects that it created."""
    effects: JsonObject
    """Changes of the operation, row by row."""


class OperationKind(Shown, frozen=True, kw_only=True):
    """A kind of operation."""

    kind: str
    summary: str
    roles: list[str]
    """Roles that may request it; empty for a command on the server itself."""
    allowed: bool
    """Whether you may request it in some area."""


class Operations(Shown, frozen=True, kw_only=True):
    """All kinds of operations."""

    items: list[OperationKind]
