"""Refusals, in the form of RFC 9457: each says why, and what to do."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.http import HttpResponse

BASE: Final = "/api/v1/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of refusal; its name is the fragment of its `type`, where the reference explains it."""

    status: int
    title: str
    remedy: str


KINDS: Final = {
    "bad-request": Kind(400, "Bad request", "correct what the detail names"),
    "idempotency-key-missing": Kind(400, "Idempotency-Key required", "send one, and the same one when you repeat a request"),
    "unauthenticated": Kind(401, "Authentication required", "send Authorization: Bearer with a valid key"),
    "forbidden": Kind(403, "Forbidden", "ask for the role, or use a key with the scope, that the detail names"),
    "not-found": Kind(404, "Not found", "check the number or address; what is outside your area is not found either"),
    "method-not-allowed": Kind(405, "Method not allowed", "use a method that the Allow header names"),
    "refused": Kind(409, "Operation refused", "each fault says why"),
    "no-tariff": Kind(409, "No tariff for this account", "wait until the utility has loaded the tariff or corrected the terms; posted entries can be read"),
    "precondition-failed": Kind(412, "Precondition failed", "it has changed: read it again, and decide by what it is now"),
    "too-large": Kind(413, "Content too large", "send less"),
    "unsupported-media-type": Kind(415, "Unsupported media type", "send Content-Type: application/json"),
    "invalid": Kind(422, "Unprocessable content", "correct what each fault names; openapi.json describes the content"),
    "idempotency-key-reused": Kind(422, "Idempotency-Key reused", "use a new key for a new request"),
    "precondition-required": Kind(428, "Precondition required", "read it, and send its ETag as If-Match"),
    "too-many-requests": Kind(429, "Too many requests", "wait for the seconds that Retry-After says"),
    "internal-error": Kind(500, "Internal server error", "the error is in the server's log; repeating the request will probably not help"),
    "unavailable": Kind(503, "Service unavailable", "try again after the seconds that Retry-After says"),
}  # fmt: skip


class ProblemError(Exception):
    """A request is refused."""

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


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    """Names the kind of refusal."""
    title: str
    status: int
    detail: str
    """What stands against this very request."""
    instance: str
    """Its address."""
    remedy: str
    """What to do."""
    faults: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Everything that stands against it, a sentence each."""
    request_id: int | msgspec.UnsetType = msgspec.UNSET
    """Of an operation: the request that was refused."""
