"""The demonstration's control: what the town's page may do to the world, one JSON object a line, one answer a line.

It runs in the supervisor of `urja demo` only: the web process cannot kill, and knows no meter; it sends orders over a
Unix socket that only the same user can open. Orders:

| `do` | effect |
|---|---|
| `fleet` (`order`) | an order of the fleet's own control (docs/meter.md), one of `FLEET_ORDERS` |
| `kill` (`name`) | SIGKILL to one of `MORTAL`; the supervisor starts it again |
| `processes` | every child with state, health and restarts |
| `gateway` (`what`) | `mute`, `unmute` or `state` of the payment gateway |
| `decode` (`frame`) | a frame in hexadecimal as a readable tree; the meters' keys are known here |
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import httpx
import msgspec
import structlog

from urja.base.untyped_values import JsonObject
from urja.cosem.capture import CaptureReader, DecodedPacket, Keys
from urja.cosem.errors import LocalError
from urja.meter.fleet import FleetError, read_fleet_file
from urja.site.cli.decode import as_tree, from_hex
from urja.site.supervisor.installation import HEADEND, PIPELINE, Installation
from urja.site.supervisor.postgres import make_private
from urja.site.supervisor.town_address import town_socket

log = structlog.get_logger()

FLEET_ORDERS: Final = frozenset(
    {
        "status", "houses", "transformers", "display",
        "cut", "restore", "unreachable", "reachable", "press", "weld", "tamper", "hook", "overload", "reboot",
    }
)  # fmt: skip
"""Queries and actions; never `close` or `faults`, which belong to the check of the laws."""
MORTAL: Final = frozenset({HEADEND, PIPELINE})
"""Children that the page may kill. PostgreSQL and NATS would recover as well, but the page itself would fail
meanwhile.
"""
GATEWAY_ORDERS: Final = frozenset({"mute", "unmute", "state"})
_LINE_LIMIT: Final = 16 << 20
"""Bytes of a fleet's answer about thousands of houses."""
_FRAME_DIGITS: Final = 20_000
_ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """Address and keys of the control of the sandbox's payment gateway."""

    url: str
    key_id: str
    key_secret: str = field(repr=False)


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    do: str
    order: JsonObject = {}
    name: str = ""
    what: str = "state"
    frame: str = ""


class _RefusedError(ValueError):
    """An order that is not carried out; the message says why."""


class TownControl:
    """Serves the control while the demonstration runs: `start`, `stop`, or an asynchronous context manager.

    `keys` finds the keys of a meter by its system title, for frames to decode.
    """

    def __init__(
        self,
        installation: Installation,
        fleet_socket: Path,
        gateway: Gateway | None = None,
        *,
        keys: Callable[[bytes], Keys | None] | None = None,
    ) -> None:
        self._installation = installation
        self._fleet_socket = fleet_socket
        self._gateway = gateway
        self._keys = keys
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.StreamWriter] = set()
        self._acts: dict[str, Callable[[_Order], Awaitable[dict[str, object]]]] = {
            "fleet": self._fleet,
            "kill": self._kill,
            "processes": self._processes,
            "gateway": self._steer_gateway,
            "decode": self._decode,
        }

    @property
    def path(self) -> Path:
        return town_socket(self._installation.data)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError where the socket cannot be created."""
        make_private(self.path.parent)
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=_LINE_LIMIT)
        self.path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening; callers that wait for an answer are disconnected."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._callers):
            writer.close()
        await self._server.wait_closed()
        self._server = None
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self.answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.warning("the town's control loses its caller", error=str(error))
        finally:
            self._callers.discard(writer)
            writer.close()

    async def answer(self, line: bytes) -> dict[str, object]:
        """Carry out one order; faults are in the answer."""
        try:
            order = msgspec.json.decode(line, type=_Order)
            return {"ok": True, **await self._act_named(order.do)(order)}
        except (msgspec.DecodeError, _RefusedError) as error:
            return {"ok": False, "error": str(error)}

    # -- orders -------------------------------------------------------------------------------------------

    def _act_named(self, name: str) -> Callable[[_Order], Awaitable[dict[str, object]]]:
        try:
            return self._acts[name]
        except KeyError:
            raise _RefusedError(f"{name!r} is none of {', '.join(sorted(self._acts))}") from None

    async def _fleet(self, order: _Order) -> dict[str, object]:
        if order.order.get("do") not in FLEET_ORDERS:
            raise _RefusedError(f"the fleet's order is none of {', '.join(sorted(FLEET_ORDERS))}")
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await self._ask_fleet(order.order)
        except _RefusedError:
            raise
        except TimeoutError:
            raise _RefusedError("the fleet does not answer") from None
        except (OSError, ValueError) as error:
            raise _RefusedError(f"the fleet is away: {error}") from error

    async def _ask_fleet(self, order: dict[str, object]) -> dict[str, object]:
        reader, writer = await asyncio.open_unix_connection(str(self._fleet_socket), limit=_LINE_LIMIT)
        try:
            writer.write(json.dumps(order).encode() + b"\n")
            await writer.drain()
            answer: dict[str, object] = json.loads(await reader.readline())
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        if not answer.pop("ok"):
            raise _RefusedError(str(answer["error"]))
        return answer

    async def _kill(self, order: _Order) -> dict[str, object]:
        if order.name not in MORTAL:
            raise _RefusedError(f"{order.name!r} is none of {', '.join(sorted(MORTAL))}")
        log.warning("killed from the town's page", process=order.name)
        self._installation.kill(order.name)
        return {"name": order.name}

    async def _processes(self, _order: _Order) -> dict[str, object]:
        return {"processes": self._installation.snapshot()}

    async def _steer_gateway(self, order: _Order) -> dict[str, object]:
        if order.what not in GATEWAY_ORDERS:
            raise _RefusedError(f"{order.what!r} is none of {', '.join(sorted(GATEWAY_ORDERS))}")
        if self._gateway is None:
            raise _RefusedError("this town has no payment gateway")
        login = (self._gateway.key_id, self._gateway.key_secret)
        try:
            async with httpx.AsyncClient(base_url=self._gateway.url, auth=login, timeout=_ANSWER_S) as client:
                method = "GET" if order.what == "state" else "POST"
                response = await client.request(
                    method, f"/control/{order.what}", json=None if method == "GET" else {}
                )
                response.raise_for_status()
                return {"gateway": response.json()}
        except httpx.HTTPError as error:
            raise _RefusedError(f"the gateway's control does not answer: {type(error).__name__}") from error

    async def _decode(self, order: _Order) -> JsonObject:
        if len(order.frame) > _FRAME_DIGITS:
            raise _RefusedError(f"a frame of more than {_FRAME_DIGITS} characters")
        try:
            capture = from_hex(order.frame)
        except ValueError as error:
            raise _RefusedError(str(error)) from error
        opened = self._opened(capture)
        faults = [f"error in {one.where}: {one.error}" for one in opened if one.error is not None]
        tree = "\n\n".join("\n".join(as_tree(one)) for one in opened)
        return {"tree": tree, "errors": faults}

    def _opened(self, capture: bytes) -> list[DecodedPacket]:
        """Return the decoded frame, as far as possible; with the keys of the meter that it names, where they are
        known here.
        """
        opened = list(CaptureReader(Keys()).open(capture))
        keys = next(filter(None, map(self._keys_for, opened)), None)
        if keys is None:
            return opened
        try:
            return list(CaptureReader(keys).open(capture))
        except LocalError as error:
            raise _RefusedError(str(error)) from error

    def _keys_for(self, opened: DecodedPacket) -> Keys | None:
        if self._keys is None or opened.missing is None:
            return None
        titles = (one.system_title for one in opened.protections if one.system_title is not None)
        return next(filter(None, map(self._keys, titles)), None)


def keys_of_fleet(fleet_file: Path) -> Callable[[bytes], Keys | None]:
    """Return a function that finds a meter's keys by system title in the fleet's file, read at the first call.

    It refuses the order where the file cannot be read.
    """
    known: dict[bytes, Keys] = {}

    def find(title: bytes) -> Keys | None:
        if not known:
            try:
                fleet = read_fleet_file(fleet_file)
            except (FleetError, OSError) as error:
                raise _RefusedError(f"the meters' keys cannot be read: {error}") from None
            for meter in fleet.meters:
                known[meter.title] = Keys(meter.keys.guek, meter.keys.gak, meter.title)
        return known.get(title)

    return find
