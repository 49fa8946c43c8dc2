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
    "bad-request": Kind(400, "The request is not understood", "put right what the detail names"),
    "idempotency-key-missing": Kind(400, "There is no Idempotency-Key", "send one, and the same again when you repeat a request"),
    "unauthenticated": Kind(401, "No key opens this", "send Authorization: Bearer with a key that still holds"),
    "forbidden": Kind(403, "It is not for you", "ask somebody with the role or a key with the scope that the detail names"),
    "not-found": Kind(404, "It does not exist for you", "look for the number or address; what is outside your area is not there either"),
    "method-not-allowed": Kind(405, "That is not done here", "use a method that the header Allow names"),
    "refused": Kind(409, "The registry refuses", "each fault says what stands against it"),
    "no-tariff": Kind(409, "Nobody knows the price", "wait until the utility has loaded the tariff or put the terms right; what is posted can be read"),
    "precondition-failed": Kind(412, "It has changed since", "read it again, and decide by what it is now"),
    "too-large": Kind(413, "That is too much at once", "send less"),
    "unsupported-media-type": Kind(415, "That is not JSON", "send Content-Type: application/json"),
    "invalid": Kind(422, "The content is not as it is described", "put right what each fault names; the document openapi.json describes it"),
    "idempotency-key-reused": Kind(422, "The Idempotency-Key was used for something else", "use a new key for a new request"),
    "precondition-required": Kind(428, "There is no If-Match", "read it, and send its ETag with the change"),
    "too-many-requests": Kind(429, "Too many requests", "wait for as many seconds as Retry-After says"),
    "internal-error": Kind(500, "A mistake of ours", "it is in our log; repeating will hardly help"),
    "unavailable": Kind(503, "The database is away", "ask again in as many seconds as Retry-After says"),
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
