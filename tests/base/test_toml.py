"""Texts that cannot be meant are one error with a sentence."""

from decimal import Decimal

import pytest

from urja.base import toml


def test_numbers_are_read_as_asked():
    assert toml.loads("a = 1.50\nb = 2", parse_float=Decimal) == {"a": Decimal("1.50"), "b": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a =", "Invalid value"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ("a = " + "[" * 50_000, "nested too deeply"),
        ("a = " + "{b=" * 50_000, "nested too deeply"),
        ("a = " + "9" * 10_000, "too many digits"),
        ("\x00", "Invalid"),
    ],
)
def test_everything_wrong_is_one_error(text, words):
    with pytest.raises(toml.TomlError, match=words):
        toml.loads(text)
