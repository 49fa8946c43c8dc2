"""The way to the demonstration's control (`urja.demo.town_control`): JSON lines over a Unix socket."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from django.conf import settings

_TIMEOUT_S = 15.0


class ControlError(Exception):
    """An order was not carried out."""


class ControlAway(ControlError):
    """Nobody hears the order: no demonstration runs here, or it is just ending."""


class ControlRefused(ControlError):
    """The control says no; the message says why."""


def ask(do: str, **arguments: Any) -> dict[str, Any]:
    """One order and its answer. Raises ControlAway or ControlRefused."""
    (answer,) = ask_all([{"do": do, **arguments}])
    if isinstance(answer, ControlRefused):
        raise answer
    return answer


def ask_fleet(do: str, **arguments: Any) -> dict[str, Any]:
    """One order to the fleet and its answer. Raises ControlAway or ControlRefused."""
    return ask("fleet", order={"do": do, **arguments})


def ask_all(orders: Iterable[dict[str, Any]]) -> list[dict[str, Any] | ControlRefused]:
    """Several orders over one connection; a refused one stands in its place. Raises ControlAway."""
    with _line() as line:
        return [_asked(line, order) for order in orders]


def _asked(line: BinaryIO, order: dict[str, Any]) -> dict[str, Any] | ControlRefused:
    line.write(json.dumps(order).encode() + b"\n")
    line.flush()
    received = line.readline()
    if not received:
        raise ControlAway("the control has hung up")
    answer: dict[str, Any] = json.loads(received)
    if answer.pop("ok"):
        return answer
    return ControlRefused(str(answer["error"]))


@contextmanager
def _line() -> Iterator[BinaryIO]:
    path = settings.URJA_TOWN_CONTROL
    if path is None:
        raise ControlAway("no control is configured")
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(path))
            with connection.makefile("rwb") as line:
                yield line
    except OSError as error:
        raise ControlAway(str(error)) from error
