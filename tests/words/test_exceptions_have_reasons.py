"""Every exception from a rule of the linter or of the type checker says why."""

import io
import re
import tokenize

import pytest
from tests.words.texts import ROOT

_BARE = re.compile(r"#\s*(?:noqa(?::\s*[A-Z0-9, ]+)?|type:\s*ignore(?:\[[a-z-, ]+\])?)\s*$")


def _bare(source: str) -> list[str]:
    comments = (token for token in tokenize.generate_tokens(io.StringIO(source).readline))
    return [
        f"{token.start[0]}: {token.line.strip()}"
        for token in comments
        if token.type == tokenize.COMMENT and _BARE.search(token.string)
    ]


@pytest.mark.parametrize("folder", ["src", "bench"])
def test_exceptions_of_linter_and_types_have_reasons(folder):
    found = {
        str(file.relative_to(ROOT)): bare
        for file in sorted((ROOT / folder).rglob("*.py"))
        if (bare := _bare(file.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("x = 1  # noqa: E501", 1),
        ("x = 1  # type: ignore[misc]", 1),
        ("x = 1  # noqa", 1),
        ("x = 1  # noqa: E501 - a table", 0),
        ("x = 1  # type: ignore[misc]  # a library without types", 0),
    ],
)
def test_a_bare_exception_is_found(line, count):
    assert len(_bare(line + "\n")) == count
