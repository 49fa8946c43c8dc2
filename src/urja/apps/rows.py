"""Rows as their models, by a statement that is put together once a process.

A queryset costs several times what its statement does; where a page asks for a dozen kinds of things that an account
mostly has none of, that is most of the page.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field, Model


def rows[M: Model](model: type[M], where: str, parameters: Sequence[Any], distinct_on: str = "") -> list[M]:
    """The rows of a model's table for which `where` holds, a constant that may go on with an order."""
    select = _select(model)
    distinct = f"DISTINCT ON ({distinct_on}) " if distinct_on else ""
    with connection.cursor() as cursor:
        cursor.execute(select.format(distinct=distinct) + where, parameters)
        found = cursor.fetchall()
    return [built(model, row) for row in found]


def insert(model: type[Model], *, ignore_conflicts: bool = False, **values: Any) -> int:
    """Insert a row that names these columns and no other; how many rows that made (a trigger may take none).

    A queryset names every column, which a role with rights by column may not.
    """
    fields = [model._meta.get_field(name) for name in values]  # noqa: SLF001 - Django documents it
    names, marks = ", ".join(field.column for field in fields), ", ".join(["%s"] * len(fields))
    conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    table = model._meta.db_table  # noqa: SLF001 - Django documents it
    saved = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values.values(), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}){conflict}", saved)  # noqa: S608 - names of a model
        return int(cursor.rowcount)


def columns(model: type[Model], of: str) -> str:
    """What `built` takes, for a statement that asks for more than this; `of` is the name its table has there."""
    return ", ".join(f"{of}.{field.column}" for field in _fields(model))


def built[M: Model](model: type[M], values: Sequence[Any]) -> M:
    """A row as its model."""
    names, conversions = _shape(model)
    return model.from_db(connection.alias, names, _converted(values, conversions) if conversions else values)


type _Conversion = Callable[[Any, Any, Any], Any]


def _fields(model: type[Model]) -> Sequence[Field]:
    return model._meta.concrete_fields  # noqa: SLF001 - Django documents it


@cache
def _select(model: type[Model]) -> str:
    table = model._meta.db_table  # noqa: SLF001 - Django documents it
    return f"SELECT {{distinct}}{columns(model, table)} FROM {table} WHERE "  # noqa: S608 - names of a model


@cache
def _shape(model: type[Model]) -> tuple[list[str], list[tuple[int, _Conversion]]]:
    """The attributes that columns go to, and the fields whose values are not what the driver gives."""
    fields = _fields(model)
    conversions = [
        (number, field.from_db_value)
        for number, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    ]
    return [field.attname for field in fields], conversions


def _converted(row: Sequence[Any], conversions: Sequence[tuple[int, _Conversion]]) -> list[Any]:
    values = list(row)
    for number, convert in conversions:
        values[number] = convert(values[number], None, connection)
    return values
