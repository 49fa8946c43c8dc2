"""The state of the town as the demonstration's control reports it."""

from collections.abc import Mapping
from dataclasses import dataclass

from urja.base.untyped_values import JsonMapping, JsonObject
from urja.web.town import control


@dataclass(frozen=True, slots=True)
class World:
    """State reported by the demonstration's control; empty if it does not answer."""

    houses: Mapping[str, JsonMapping]
    transformers: Mapping[str, JsonMapping]
    status: JsonMapping
    processes: Mapping[str, JsonMapping]
    gateway: str
    """What the gateway leaves out: `none`, `webhooks` or `everything`; empty without a gateway."""
    away: str = ""


def read_world() -> World:
    """Return the demonstration's whole state, in one connection."""
    orders: list[JsonObject] = [
        {"do": "fleet", "order": {"do": "houses"}},
        {"do": "fleet", "order": {"do": "transformers"}},
        {"do": "fleet", "order": {"do": "status"}},
        {"do": "processes"},
        {"do": "gateway", "what": "state"},
    ]
    try:
        houses, transformers, status, processes, gateway = map(_answer, control.request_all(orders))
    except control.ControlUnavailableError as error:
        return World({}, {}, {}, {}, "", away=str(error))
    return World(
        {house["serial"]: house for house in houses.get("houses", ())},
        {one["id"]: one for one in transformers.get("transformers", ())},
        status,
        processes.get("processes", {}),
        gateway.get("gateway", {}).get("muting", ""),
    )


def _answer(answer: JsonObject | control.ControlRefusedError) -> JsonObject:
    """Return an answer, or an empty one if it was refused: the rest of the page is still shown."""
    return {} if isinstance(answer, control.ControlRefusedError) else answer


def read_house(serial: str) -> tuple[str, JsonMapping]:
    """Return why the demonstration does not answer (empty where it does), and the state of one house."""
    try:
        houses = control.request_fleet("houses", serials=[serial])["houses"]
    except control.ControlError as error:
        return str(error), {}
    return "", houses[0]
