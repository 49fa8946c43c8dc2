"""The canonical form of what an entry's hash covers."""

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType

import pytest

from urja.apps.books.chain import HASHED, canonical, entry_hash, json_text, plain_json


def test_days_and_instants_are_text_in_utc_and_mappings_are_objects():
    content = {
        "b": MappingProxyType({2: date(2026, 3, 2)}),
        "a": (datetime(2026, 3, 2, 0, 0, 0, 5, timezone(timedelta(hours=5, minutes=30))), None, True),
        "ü": "ü",
    }
    assert plain_json(content) == {
        "a": ["2026-03-01T18:30:00.000005+00:00", None, True],
        "b": {"2": "2026-03-02"},
        "ü": "ü",
    }
    assert canonical(content) == (
        '{"a":["2026-03-01T18:30:00.000005+00:00",null,true],"b":{"2":"2026-03-02"},"ü":"ü"}'.encode()
    )


def test_keys_are_sorted_as_the_text_that_they_are_stored_as():
    assert canonical({2: 0, 10: 0}) == b'{"10":0,"2":0}'


def test_an_entry_is_hashed_over_the_json_of_its_columns():
    row = dict.fromkeys(HASHED) | {"seq": 7, "service_date": date(2026, 3, 2), "idempotency_key": 'a "key"'}
    inputs = {"b": [1, "ü"], "a": {"c": None}}
    columns = json_text([{**row, "inputs": inputs}[name] for name in HASHED])
    assert entry_hash(b"before", {**row, "inputs": json_text(inputs)}) == (
        hashlib.sha256(b"before" + columns.encode()).digest()
    )


@pytest.mark.parametrize("value", [1.5, {"inside": [float("nan")]}, float("inf")])
def test_a_float_is_refused(value):
    with pytest.raises(AssertionError):
        plain_json(value)


def test_what_json_cannot_say_is_refused():
    with pytest.raises(TypeError):
        plain_json({"at": datetime(2026, 3, 2, tzinfo=UTC), "what": object()})
