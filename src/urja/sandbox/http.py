"""HTTP parts that the services share: refusals as JSON, authentication, bounded bodies."""

import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from urja.base.ip_networks import is_this_machine
from urja.base.untyped_values import JsonObject

_BODY_LIMIT: Final = 64 * 1024

Endpoint = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """A request that is answered with an error: HTTP status, and what is wrong in the caller's terms."""

    def __init__(
        self,
        description: str,
        *,
        status: int = 400,
        field: str | None = None,
        reason: str = "input_validation_failed",
    ) -> None:
        super().__init__(description)
        self.description = description
        self.status = status
        self.field = field
        self.reason = reason


def refusal(refused: RefusedError) -> Response:
    """Return the answer to a refused request, in the form of Razorpay's errors."""
    error: JsonObject = {
        "code": "BAD_REQUEST_ERROR" if refused.status < 500 else "SERVER_ERROR",
        "description": refused.description,
        "source": "business",
        "step": "payment_initiation",
        "reason": refused.reason,
        "metadata": {},
    }
    if refused.field is not None:
        error["field"] = refused.field
    headers = {"www-authenticate": 'Basic realm="sandbox"'} if refused.status == 401 else None
    return JSONResponse({"error": error}, refused.status, headers)


async def refused_handler(_request: Request, error: Exception) -> Response:
    """Return Starlette's answer to `RefusedError`."""
    assert isinstance(error, RefusedError)
    return refusal(error)


async def http_error_handler(_request: Request, error: Exception) -> Response:
    """Return the answer to an unknown path or method, in the same form."""
    assert isinstance(error, HTTPException)
    return refusal(RefusedError(error.detail, status=error.status_code, reason="NA"))


HANDLERS: Final[dict[Any, Any]] = {RefusedError: refused_handler, HTTPException: http_error_handler}


class Guard:
    """Authentication of callers: by the keys, and for control and book only from this machine."""

    def __init__(self, key_id: str, key_secret: str) -> None:
        self._expected = f"{key_id}:{key_secret}".encode()

    def keys(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint for callers with the keys."""

        async def guarded(request: Request) -> Response:
            self._check_keys(request)
            return await endpoint(request)

        return guarded

    def local(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint for callers on this machine with the keys."""
        return loopback(self.keys(endpoint))

    def _check_keys(self, request: Request) -> None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
        except ValueError:
            given = b""
        if not hmac.compare_digest(given, self._expected):
            raise RefusedError("Authentication failed", status=401, reason="NA")


def loopback(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint for callers on this machine. It raises RefusedError (403) for others."""

    async def guarded(request: Request) -> Response:
        if request.client is None or not is_this_machine(request.client.host):
            raise RefusedError("only from this machine", status=403, reason="NA")
        return await endpoint(request)

    return guarded


async def body_of(request: Request) -> bytes:
    """Return the body. Raises RefusedError beyond 64 KiB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise RefusedError("the body is too large", status=413)
    return bytes(body)


async def json_of(request: Request) -> JsonObject:
    """Return the body as a JSON object, `{}` where it is empty. Raises RefusedError for anything else."""
    body = await body_of(request)
    if not body:
        return {}
    try:
        found: JsonObject = msgspec.json.decode(body, type=JsonObject)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(f"the body is not a JSON object: {error}") from None
    return found


async def form_of(request: Request) -> dict[str, str]:
    """Return the body as a form, the last value of a repeated field. Raises RefusedError for anything else."""
    body = await body_of(request)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=32))
    except ValueError as error:
        raise RefusedError(f"the body is not a form: {error}") from None
