"""Problem documents of RFC 9457: each says what was wrong and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.http import HttpResponse

BASE: Final = "/api/v1/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem; its name is the fragment of `type`, which the reference page explains."""

    status: int
    title: str
    remedy: str


KINDS: Final = {
    "bad-request": Kind(400, "Bad request", "correct what the detail names"),
    "idempotency-key-missing": Kind(400, "Idempotency-Key required", "send a key of your own, and the same key when you repeat the request"),
    "unauthenticated": Kind(401, "Authentication required", "send Authorization: Bearer with a valid token"),
    "forbidden": Kind(403, "Forbidden", "request the role, or use a token with the scope, that the detail names"),
    "not-found": Kind(404, "Not found", "check the number or address; what is outside your area is not found either"),
    "method-not-allowed": Kind(405, "Method not allowed", "use a method that the Allow header names"),
    "refused": Kind(409, "Operation refused", "correct what each fault names"),
    "no-tariff": Kind(409, "No tariff for this account", "wait until the utility has loaded the tariff or corrected the terms; posted entries can be read"),
    "precondition-failed": Kind(412, "Precondition failed", "read the object again and repeat the request with its new ETag"),
    "too-large": Kind(413, "Content too large", "send a smaller body"),
    "unsupported-media-type": Kind(415, "Unsupported media type", "send Content-Type: application/json"),
    "invalid": Kind(422, "Unprocessable content", "correct what each fault names; openapi.json describes the content"),
    "idempotency-key-reused": Kind(422, "Idempotency-Key reused", "use a new key for a new request"),
    "precondition-required": Kind(428, "Precondition required", "read the object and send its ETag as If-Match"),
    "too-many-requests": Kind(429, "Too many requests", "wait for the number of seconds in Retry-After"),
    "internal-error": Kind(500, "Internal server error", "report the correlation, under which the server's log has the error; repeating the request will probably not help"),
    "unavailable": Kind(503, "Service unavailable", "try again after the number of seconds in Retry-After"),
}  # fmt: skip


class ProblemError(Exception):
    """Raised where a request is refused; `response` makes the problem document."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        faults: list[str] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.faults = faults
        self.headers = headers or {}
        self.more = more

    @property
    def status(self) -> int:
        return KINDS[self.kind].status

    def document(self, instance: str) -> "ProblemDocument":
        return ProblemDocument(
            type=f"{BASE}#{self.kind}",
            title=KINDS[self.kind].title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            remedy=KINDS[self.kind].remedy,
            faults=msgspec.UNSET if self.faults is None else self.faults,
            request_id=self.more.get("request_id", msgspec.UNSET),
            correlation=self.more.get("correlation", msgspec.UNSET),
        )

    def response(self, instance: str) -> HttpResponse:
        response = HttpResponse(
            msgspec.json.encode(self.document(instance)),
            status=self.status,
            content_type="application/problem+json",
            headers={"Cache-Control": "no-store", **self.headers},
        )
        if self.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="urja"'
        return response


def not_allowed(method: str | None, allowed: Iterable[str]) -> ProblemError:
    """Return the refusal of a method, with those that an address has."""
    named = ", ".join(sorted(allowed))
    return ProblemError(
        "method-not-allowed", f"{method} is not allowed here; use {named}", headers={"Allow": named}
    )


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    """URI of the kind of problem."""
    title: str
    status: int
    detail: str
    """What was wrong with this request."""
    instance: str
    """Address of the request."""
    remedy: str
    """How to correct it."""
    faults: list[str] | msgspec.UnsetType = msgspec.UNSET
    """All faults of the request, a sentence each."""
    request_id: int | msgspec.UnsetType = msgspec.UNSET
    """Number of the refused request, for an operation."""
    correlation: str | msgspec.UnsetType = msgspec.UNSET
    """Under which the server's log has an internal error."""
