"""What the documents that the API answers with have in common; openapi.json describes them by name and type.

Each subject has a module of its own, `..._answers`. Instants are ISO 8601 with the offset of the utility's zone, money is in
minor units beside its currency, energy in Wh.
"""

from msgspec import Struct


class Shown(Struct, frozen=True, kw_only=True):
    """Base of all answers."""


class Page[T](Shown, frozen=True, kw_only=True):
    """A page of a list."""

    items: list[T]
    next: str | None
    """The cursor of the next page; null on the last."""
