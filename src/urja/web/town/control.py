"""Client of the demonstration's control (`urja.demo.town_control`): JSON lines over a Unix socket."""

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedRWPair

from django.conf import settings

from urja.base.untyped_values import JsonObject

_TIMEOUT_S = 15.0


class ControlError(Exception):
    """A request was not carried out."""


class ControlUnavailableError(ControlError):
    """The control does not answer: no demonstration is running, or it is ending."""


class ControlRefusedError(ControlError):
    """The control refused the request; the message has the reason."""


def request(do: str, **arguments: object) -> dict[str, object]:
    """Send one request and return its answer. Raises ControlUnavailableError or ControlRefusedError."""
    (answer,) = request_all([{"do": do, **arguments}])
    if isinstance(answer, ControlRefusedError):
        raise answer
    return answer


def request_fleet(do: str, **arguments: object) -> JsonObject:
    """Send one request to the fleet of meters and return its answer.

    Raises ControlUnavailableError or ControlRefusedError.
    """
    return request("fleet", order={"do": do, **arguments})


def request_all(orders: Iterable[dict[str, object]]) -> list[dict[str, object] | ControlRefusedError]:
    """Send several requests over one connection and return their answers in order.

    A refused request has a ControlRefusedError in its place. Raises ControlUnavailableError.
    """
    with _connection() as line:
        return [_exchange(line, order) for order in orders]


def _exchange(line: BufferedRWPair, order: dict[str, object]) -> dict[str, object] | ControlRefusedError:
    line.write(json.dumps(order).encode() + b"\n")
    line.flush()
    received = line.readline()
    if not received:
        raise ControlUnavailableError("the control has closed the connection")
    answer: dict[str, object] = json.loads(received)
    if answer.pop("ok"):
        return answer
    return ControlRefusedError(str(answer["error"]))


@contextmanager
def _connection() -> Iterator[BufferedRWPair]:
    path = settings.URJA_TOWN_CONTROL
    if path is None:
        raise ControlUnavailableError("no control is configured")
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(path))
            with connection.makefile("rwb") as line:
                yield line
    except OSError as error:
        raise ControlUnavailableError(str(error)) from error
