"""Names for values whose members no type describes: decoded JSON and rows of SQL. Each reader knows what it takes.

`Any` stands here, once, so that a signature says which kind of value it takes.
"""

from collections.abc import Mapping
from typing import Any

type JsonObject = dict[str, Any]
"""A decoded JSON object whose keys are known to its reader: a stored document, the answer of another program."""

type JsonMapping = Mapping[str, Any]
"""A JSON object that is only read."""

type SqlRow = tuple[Any, ...]
"""A row of a query: the columns have the types that psycopg gives them."""
