"""Crossings in SQL: modules whose statements name a table of another owner."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.contracts.tables import ROOT, free, named_in, owner, owners

DEBT = Path(__file__).parent / "sql_debt.txt"
"""The crossings that stand, a line each: `module -> table`."""
HEAD = """\
# Statements in a module that name a table of another owner. A crossing that is not listed fails, and so does a line
# whose crossing is gone: lines go, none is added. Written by `python -m tests.contracts.debt`.
"""

type Crossing = tuple[str, str]


def listed(debt: Path = DEBT) -> list[Crossing]:
    lines = debt.read_text().splitlines()
    return [tuple(line.split(" -> ")) for line in lines if not line.startswith("#")]


def crossings() -> Counter[Crossing]:
    """How often each module names each table of another's in a string that is more than the name."""
    found: Counter[Crossing] = Counter()
    for path in sorted((ROOT / "src").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        if not free(module):
            found.update((module, table) for table in foreign(module, path.read_text()))
    return found


def foreign(module: str, source: str) -> Iterator[str]:
    """Tables of others that the statements in a module's source name, once for each string."""
    for text in strings(ast.parse(source)):
        for table in named_in(text) - {text}:
            if owners()[table] != owner(module):
                yield table


def strings(tree: ast.AST) -> Iterator[str]:
    """String constants and the constant parts of f-strings; docstrings are none of them."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value
