"""Print how the code is described: `uv run --group test python -m tests.words.measure [--root .]`, one JSON object.

Counts are over `src/urja` without migrations. A public function has no underscore before its name or its class's. A
docstring names a unit where one of the words of `_UNITS` stands in it, and an error where a name ending in `Error` or
the word "raises" does.
"""

import argparse
import ast
import io
import json
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.words.refused import findings
from tests.words.texts import ROOT

_UNITS = re.compile(
    r"\b(Wh|kWh|W|kW|VA|kVA|V|A|Hz|seconds?|minutes?|hours?|days?|ms|bytes?|bits?|octets?|paise|rupees?|minor units?"
    r"|UTC|local time|per cent|percent|months?|metres?|m³|litres?)\b"
)
_ERRORS = re.compile(r"\w+Error\b|[Rr]aises?\b")

type Function = ast.FunctionDef | ast.AsyncFunctionDef


def measured(root: Path) -> dict[str, float]:
    """Return counts and shares, by name."""
    counts: Counter[str] = Counter()
    for file in sorted((root / "src" / "urja").rglob("*.py")):
        if "migrations" in file.parts:
            continue
        source = file.read_text()
        counts.update(_lines(source))
        tree = ast.parse(source)
        counts["docstrings"] += sum(_documented(node) is not None for node in ast.walk(tree))
        for function in _public(tree.body):
            counts.update(_described(function))
    functions = counts["public_functions_documented"]
    return counts | {
        "share_with_unit": round(counts["with_unit"] / functions, 3),
        "share_with_error": round(counts["with_error"] / functions, 3),
        "comment_share_of_lines": round(counts["comment_lines"] / counts["code_lines"], 4),
        "words_out_of_use": sum(1 for _ in findings([root / "src"])),
    }


def _documented(node: ast.AST) -> str | None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return ast.get_docstring(node)
    return None


def _public(body: list[ast.stmt]) -> Iterator[Function]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body)


def _described(function: Function) -> Counter[str]:
    text = ast.get_docstring(function)
    if text is None:
        return Counter(public_functions=1)
    return Counter(
        public_functions=1,
        public_functions_documented=1,
        with_unit=_UNITS.search(text) is not None,
        with_error=_ERRORS.search(text) is not None,
    )


def _lines(source: str) -> Counter[str]:
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    whys = [token for token in comments if not re.match(r"#\s*(noqa|type: ignore|pragma)", token.string)]
    return Counter(
        code_lines=sum(1 for line in source.splitlines() if line.strip()),
        comment_lines=len({token.start[0] for token in whys}),
        any_lines=len(
            {token.start[0] for token in tokens if token.type == tokenize.NAME and token.string == "Any"}
        ),
        type_ignores=sum("type: ignore" in token.string for token in comments),
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--root", type=Path, default=ROOT)
    print(json.dumps(measured(arguments.parse_args().root), indent=1))
