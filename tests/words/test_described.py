"""Public functions name the units of their quantities and the errors that they raise."""

import ast

import pytest
from tests.words.described import found, functions, read, unitless


def test_no_unit_and_no_error_is_left_out():
    assert list(found(read())) == []


@pytest.mark.parametrize(
    "code",
    [
        "def pause(delay: float) -> None: ...",
        "def arrears(account_id: int) -> int: ...",
        "def find(account_id: int) -> int:\n    'Return the balance of an account.'",
        "class Meter:\n    def demand(self) -> Fraction: ...",
        "def loads(meters: list[int]) -> dict[int, int]: ...",
    ],
)
def test_a_quantity_without_a_unit_is_found(code):
    assert [unitless(function) for _, function in functions(ast.parse(code))] != [[]]


@pytest.mark.parametrize(
    "code",
    [
        "def pause(delay_s: float) -> None: ...",
        "def arrears_minor(account_id: int) -> int: ...",
        "def find(account_id: int) -> int:\n    'Return the balance of an account in minor units.'",
        "def wait(delay: timedelta, until: datetime) -> None: ...",
        "def dues(account_id: int) -> dict[int, Bill]: ...",
        "def _pause(delay: float) -> None: ...",
    ],
)
def test_a_unit_in_name_type_or_docstring_is_enough(code):
    assert [
        quantities for _, function in functions(ast.parse(code)) if (quantities := unitless(function))
    ] == []


@pytest.mark.parametrize(
    ("docstring", "left_out"),
    [
        ("Open it.", 1),
        ("Open it. Raises LockedError.", 0),
        ("Open it. Raises DoorError where it is locked.", 0),
    ],
)
def test_an_error_is_named_by_its_class_or_a_base(tmp_path, docstring, left_out):
    code = f"""
class DoorError(Exception): ...
class LockedError(DoorError): ...
def open_door():
    '{docstring}'
    raise LockedError("locked")
"""
    assert len(list(found({tmp_path / "doors.py": ast.parse(code)}))) == left_out
