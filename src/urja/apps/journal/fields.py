"""A column type for sentences."""

from typing import Any

from django.db import models

from urja.base.sentences import from_plain, to_plain


class SentencesField(models.JSONField):
    """A JSON column with a list of sentences (`urja.base.sentences`), each with its pattern and values."""

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> list[str]:
        return [from_plain(stored) for stored in super().from_db_value(value, expression, connection)]

    def get_prep_value(self, value: list[str]) -> object:
        return super().get_prep_value([to_plain(sentence) for sentence in value])
