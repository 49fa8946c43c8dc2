"""What msgspec leaves out of JSON schemas: the description of each field, and which texts are instants."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import inspect

from urja.base.configuration import purposes_of
from urja.base.untyped_values import JsonObject


def describe_fields(types: Iterable[object], components: JsonObject) -> None:
    """Add what the source says of each field, and the format of instants, to the components' schemas of all structs."""
    structs: dict[type, inspect.StructType] = {}
    for kind in inspect.multi_type_info(types):
        _collect(kind, structs)
    for cls, struct in structs.items():
        (named,), _ = msgspec.json.schema_components([cls], ref_template="{name}")
        properties = components[named["$ref"]]["properties"]
        descriptions = _descriptions(getattr(cls, "__origin__", cls))
        for field in struct.fields:
            schema = properties[field.encode_name]
            # msgspec gives the format only where the type itself asks for an offset.
            if any(isinstance(part, inspect.DateTimeType) for part in _parts(field.type)):
                _note_instant(schema)
            if field.name in descriptions:
                schema["description"] = descriptions[field.name]


def _descriptions(cls: type) -> dict[str, str]:
    """Return the text below each field of a struct and of the structs that it extends, in one line."""
    return {
        name: " ".join(text.split())
        for base in reversed(cls.__mro__)
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct
        for name, text in purposes_of(base)
    }


def _collect(kind: inspect.Type, structs: dict[type, inspect.StructType]) -> None:
    for part in _parts(kind):
        if isinstance(part, inspect.StructType) and part.cls not in structs:
            structs[part.cls] = part
            for field in part.fields:
                _collect(field.type, structs)


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    """Yield a type and what it is made of; of a struct itself alone."""
    yield kind
    match kind:
        case inspect.Metadata():
            yield from _parts(kind.type)
        case inspect.UnionType():
            for one in kind.types:
                yield from _parts(one)
        case inspect.CollectionType():
            yield from _parts(kind.item_type)
        case inspect.DictType():
            yield from _parts(kind.value_type)
        case _:
            pass


def _note_instant(schema: JsonObject) -> None:
    """Note an instant in the schema of a field: no type that msgspec takes has instants beside other texts."""
    if schema.get("type") == "string":
        schema["format"] = "date-time"
    for inner in (*schema.get("anyOf", ()), schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            _note_instant(inner)
