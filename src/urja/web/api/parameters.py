"""The query parameters of a route as JSON schemas: what openapi.json says of them is what is refused otherwise."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_type_hints

import msgspec
from msgspec import Meta

from urja.base.storable import NUMBERS
from urja.base.untyped_values import JsonObject
from urja.web.api.routes import Query


def one_of(values: Iterable[str], description: str | None = None) -> Meta:
    """Return the note on a text that it may only be one of these values."""
    # Not their enumeration as the type: msgspec does not know Django's.
    return Meta(description=description, extra_json_schema={"enum": sorted(map(str, values))})


@cache
def described(query: type[Query]) -> tuple[JsonObject, ...]:
    """Return the parameters as OpenAPI describes them, in their order."""
    _, components = msgspec.json.schema_components([query])
    schema = components[query.__name__]
    return tuple(
        {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "schema": _given(about),
        }
        | ({"description": about["description"]} if about.get("description") else {})
        for name, about in schema["properties"].items()
    )


def _given(about: JsonObject) -> JsonObject:
    """The schema of a parameter where it is given: what may be left out is null only within."""
    schema = {key: value for key, value in about.items() if key not in {"description", "default"}}
    if about.get("default") is not None:
        schema["default"] = about["default"]
    choices = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    return schema | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})


def faults_of(query: type[Query], given: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each parameter that is unknown, that is missing, or whose value it may not have."""
    known = {parameter["name"]: parameter for parameter in described(query)}
    for name in given:
        if name not in known:
            yield f"there is no parameter {name!r}; known parameters: {', '.join(known) or 'none'}"
    for name, parameter in known.items():
        if name not in given:
            if parameter["required"]:
                yield f"{name} is missing: it may be {_allowed(parameter)}"
        elif not _takes(query, parameter, given[name]):
            yield f"{name} is {given[name]!r}, and may be {_allowed(parameter)}"


def not_one_of(name: str, value: str, allowed: Collection[str]) -> str:
    """Return the sentence that names a parameter, its value and the values that it may have."""
    return f"{name} is {value!r}, and may be {', '.join(allowed)}"


def _takes(query: type[Query], parameter: JsonObject, value: str) -> bool:
    schema = parameter["schema"]
    if "enum" in schema and value not in map(str, schema["enum"]):
        return False
    # msgspec takes a number for an instant, as seconds since 1970: the zone of what was meant would be a guess.
    if schema.get("format") == "date-time" and "-" not in value[1:]:
        return False
    try:
        # Nor is the word "null" a value, which msgspec takes for none: the filter would be left out.
        return msgspec.convert(value, _types(query)[parameter["name"]], strict=False) is not None
    except msgspec.ValidationError:
        return False


@cache
def _types(query: type[Query]) -> dict[str, Any]:
    return get_type_hints(query, include_extras=True)


def _allowed(parameter: JsonObject) -> str:
    """The values that a parameter may have, in words."""
    match parameter["schema"]:
        case {"enum": values}:
            return ", ".join(map(str, values))
        case {"minimum": least, "maximum": most} if most < NUMBERS[-1]:
            return f"a whole number from {least} to {most}"
        case {"minimum": least}:
            return f"a whole number from {least} on"
        case {"type": "boolean"}:
            return "true or false"
        case {"format": "date"}:
            return "a date such as 2026-03-02"
        case {"format": "date-time"}:
            return "an instant with an offset, such as 2026-03-02T00:00:00+05:30, in an address with %2B for the plus sign"
        case {"pattern": _}:
            return str(parameter["description"])
        case _:
            return "a text"
