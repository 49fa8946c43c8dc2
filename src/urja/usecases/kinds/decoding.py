"""Operations decoded from plain values: from recorded web requests and from the command line."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from urja.apps.journal.errors import RefusedError
from urja.apps.journal.operation import Operation
from urja.base.sentences import say
from urja.base.storable import faults_of


def decode[Asked: Operation](kind: str, content: object, known: Mapping[str, type[Asked]]) -> Asked:
    """Return the operation of a kind from plain values.

    Raises RefusedError with the name of the field that is wrong, or where there is no such kind.
    """
    if kind not in known:
        raise RefusedError([say("there is no operation {kind}", kind=repr(kind))])
    try:
        operation = msgspec.convert(content, known[kind])
    except msgspec.ValidationError as error:
        raise RefusedError([_fault(str(error))]) from error
    if faults := list(faults_of(operation)):
        raise RefusedError(faults)
    return operation


_AT: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<field>[^`]*)`", re.DOTALL)


def _fault(text: str) -> str:
    """Put the field before msgspec's message, which names fields and types and never a value."""
    at = _AT.fullmatch(text)
    return f"{at['field']}: {at['what']}" if at and at["field"] else (at["what"] if at else text)
