"""Every sentence of a guard has a pattern, so that a page can show it in Hindi."""

import ast
from pathlib import Path

import pytest

import urja.usecases

FILES = sorted(Path(urja.usecases.__file__).parent.glob("*.py"))


def texts(tree):
    """What is yielded, or refused, as plain text."""
    for node in ast.walk(tree):
        said = []
        if isinstance(node, ast.Yield):
            said = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
            said = node.args[0].elts if isinstance(node.args[0], ast.List) else []
        for value in said:
            if isinstance(value, ast.JoinedStr) or (
                isinstance(value, ast.Constant) and isinstance(value.value, str)
            ):
                yield f"line {value.lineno}: {ast.unparse(value)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_guard_speaks_plain_text(path):
    assert list(texts(ast.parse(path.read_text("utf-8")))) == []


def test_plain_text_would_be_found():
    source = 'def faults():\n    yield f"no {meter}"\n    raise Refused(["no", say("yes")])\n'
    assert len(list(texts(ast.parse(source)))) == 2
