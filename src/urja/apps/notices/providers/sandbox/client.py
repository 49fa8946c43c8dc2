"""Client of the sandbox's message service."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

import httpx
import msgspec

from urja.apps.notices.port import (
    DeliveryReport,
    Message,
    MessageRefusedError,
    Outcome,
    ServiceUnavailableError,
)
from urja.apps.notices.providers.sandbox.settings import Options
from urja.base.certificates import trusted

TIMEOUT_S: Final = 5.0
_TRY_AGAIN: Final = {408, 425, 429}
_OURS: Final = {401, 403}
"""A wrong key is the installation's fault and not the message's: it is corrected, and the message tried again."""

_OUTCOMES: Final = {
    "accepted": Outcome.UNDER_WAY,
    "delivered": Outcome.DELIVERED,
    "failed": Outcome.FAILED,
}


class _Answer(msgspec.Struct):
    id: str
    ref: str
    status: Literal["accepted", "delivered", "failed"]
    ended_at: int | None = None


class Client:
    """A client of the service, with one connection pool."""

    def __init__(self, options: Options, secrets: Mapping[str, str]) -> None:
        login = (options.key_id, secrets.get("key_secret", ""))
        # Without the environment's proxy: the service is on this machine or near.
        self._http = httpx.AsyncClient(
            base_url=options.base_url,
            auth=login,
            timeout=TIMEOUT_S,
            trust_env=False,
            verify=trusted(),
        )

    async def send(self, message: Message) -> str:
        """Hand a message over and return the service's number for it.

        Raises ServiceUnavailableError or MessageRefusedError; the service answers within 5 seconds or counts as
        unavailable.
        """
        content = {"to": message.to, "text": message.text, "ref": message.ref}
        answer = await self._call("POST", "/messages", json=content)
        return answer.id

    async def ask(self, provider_id: str) -> DeliveryReport:
        """Return what has become of a message.

        Raises ServiceUnavailableError or MessageRefusedError.
        """
        answer = await self._call("GET", f"/messages/{quote(provider_id, safe='')}")
        at = None if answer.ended_at is None else datetime.fromtimestamp(answer.ended_at, UTC)
        return DeliveryReport(answer.ref, _OUTCOMES[answer.status], at)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, **content: Any) -> _Answer:
        try:
            response = await self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(f"{type(error).__name__}: {error}") from error
        status = response.status_code
        if status >= 500 or status in _TRY_AGAIN | _OURS:
            raise ServiceUnavailableError(f"answered {status}")
        if not response.is_success:
            raise MessageRefusedError(f"answered {status}: {response.text[:100]}")
        try:
            return msgspec.json.decode(response.content, type=_Answer)
        except msgspec.MsgspecError as error:
            # It may have taken the message. The next attempt has the same reference, so it is not sent twice.
            raise ServiceUnavailableError(f"answered {status} with something else ({error})") from error
