"""The way to the demonstration's control (`urja.demo.town_control`): JSON lines over a Unix socket."""

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from django.conf import settings

_TIMEOUT_S = 15.0


class ControlError(Exception):
    """An order was not carried out."""


class ControlAwayError(ControlError):
    """Nobody hears the order: no demonstration runs here, or it is just ending."""


class ControlRefusedError(ControlError):
    """The control says no; the message says why."""


def ask(do: str, **arguments: Any) -> dict[str, Any]:
    """One order and its answer. Raises ControlAwayError or ControlRefusedError."""
    (answer,) = ask_all([{"do": do, **arguments}])
    if isinstance(answer, ControlRefusedError):
        raise answer
    return answer


def ask_fleet(do: str, **arguments: Any) -> dict[str, Any]:
    """One order to the fleet and its answer. Raises ControlAwayError or ControlRefusedError."""
    return ask("fleet", order={"do": do, **arguments})


def ask_all(orders: Iterable[dict[str, Any]]) -> list[dict[str, Any] | ControlRefusedError]:
    """Several orders over one connection; a refused one stands in its place. Raises ControlAwayError."""
    with _line() as line:
        return [_asked(line, order) for order in orders]


def _asked(line: BinaryIO, order: dict[str, Any]) -> dict[str, Any] | ControlRefusedError:
    line.write(json.dumps(order).encode() + b"\n")
    line.flush()
    received = line.readline()
    if not received:
        raise ControlAwayError("the control has hung up")
    answer: dict[str, Any] = json.loads(received)
    if answer.pop("ok"):
        return answer
    return ControlRefusedError(str(answer["error"]))


@contextmanager
def _line() -> Iterator[BinaryIO]:
    path = settings.URJA_TOWN_CONTROL
    if path is None:
        raise ControlAwayError("no control is configured")
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(path))
            with connection.makefile("rwb") as line:
                yield line
    except OSError as error:
        raise ControlAwayError(str(error)) from error
