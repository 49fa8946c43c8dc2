"""Operations decoded from plain values: from recorded web requests and from the command line."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from urja.apps.journal.errors import RefusedError
from urja.apps.journal.operation import Operation
from urja.base.sentences import Sentence, say
from urja.base.storable import NUMBERS, faults_of, leaves
from urja.core.units import MOST_MINOR
from urja.usecases.kinds.amounts import amount_text


def decode[Asked: Operation](kind: str, content: object, known: Mapping[str, type[Asked]]) -> Asked:
    """Return the operation of a kind from plain values.

    Raises RefusedError with the name of the field that is wrong, or where there is no such kind.
    """
    if kind not in known:
        raise RefusedError([say("there is no operation {kind}", kind=repr(kind))])
    try:
        operation = msgspec.convert(content, known[kind])
    except msgspec.ValidationError as error:
        raise RefusedError([fault_of(error)]) from error
    if faults := [*faults_of(operation), *_too_large(operation)]:
        raise RefusedError(faults)
    return operation


def _too_large(operation: Operation) -> Iterator[Sentence]:
    """Yield a sentence for each amount of money beyond `MOST_MINOR`: two of them might have no sum of 64 bits."""
    for field, value in leaves(operation):
        is_amount = field.endswith("_minor") and field not in operation.sums
        if is_amount and isinstance(value, int) and value in NUMBERS and abs(value) > MOST_MINOR:
            yield say(
                "{field}: the amount is beyond {most}, the largest that is taken",
                field=field,
                most=amount_text(MOST_MINOR),
            )


_AT: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<field>[^`]*)`", re.DOTALL)


_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")


def fault_of(error: msgspec.ValidationError) -> str:
    """Return msgspec's message, which names fields and types and never a value, with the field first."""
    text = str(error)
    at = _AT.fullmatch(text)
    what = at["what"] if at else text
    what = _UNKNOWN.sub(r"there is no field \1", _MISSING.sub(r"the field \1 is missing", what))
    return f"{at['field']}: {what}" if at and at["field"] else what
