"""The query parameters of a route as JSON schemas: what openapi.json says of them is what is refused otherwise."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache

import msgspec
from msgspec import Meta

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


def unknown_values(query: type[Query], given: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each value that is none of those its parameter may have."""
    for parameter in described(query):
        name, allowed = parameter["name"], [str(value) for value in parameter["schema"].get("enum", ())]
        if allowed and name in given and given[name] not in allowed:
            yield not_one_of(name, given[name], allowed)


def not_one_of(name: str, value: str, allowed: Collection[str]) -> str:
    """Return the sentence that names a parameter, its value and the values that it may have."""
    return f"{name} is {value!r}, and may be {', '.join(allowed)}"
