"""The data model as a text picture drawn from the code; docs/registry.md shows it, and a test compares."""

from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.db.models import ForeignKey, Model

from urja.apps.journal.periods import Period

SUBJECTS: Final = (
    ("network", "Where supply is taken, what administers and what feeds it"),
    ("assets", "Meters"),
    ("people", "People"),
    ("identity", "Who signs in, and what they may"),
    ("contracts", "Who pays, on which terms"),
    ("billing", "What is owed and agreed beside the books"),
    ("journal", "What was asked for and done, and what stood there before"),
)
"""The apps of the models, in the order of the picture."""

_DATED: Final = "═"
_PLAIN: Final = "─"


def picture() -> str:
    """Return every table by subject, with the tables it refers to; `═` is a relation that is valid for a time."""
    lines = []
    for app, title in SUBJECTS:
        lines += [
            title,
            *map(_line, apps.get_app_config(app).get_models()),
            "",
        ]
    return "\n".join(lines).rstrip()


def _line(model: type[Model]) -> str:
    dated = issubclass(model, Period)
    named = ", ".join(_names(model))
    dash = (_DATED if dated else _PLAIN) * 2
    name = f"  {_table(model)}"
    return f"{name:22}{dash}▶ {named}" if named else name


def _names(model: type[Model]) -> Iterator[str]:
    for field in model._meta.get_fields():
        if isinstance(field, ForeignKey) and field.concrete:
            yield _relation(field)


def _relation(field: "ForeignKey[Any, Any]") -> str:
    """Return the table that a field refers to, with the field's name where it differs."""
    other = _table(field.related_model)
    optional = "?" if field.null else ""
    return f"{other}{optional}" if field.name == other else f"{field.name}: {other}{optional}"


def _table(model: Any) -> str:
    return str(model._meta.db_table).removeprefix(f"{model._meta.app_label}_")
