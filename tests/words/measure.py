"""Print how the code is described: `uv run --group test python -m tests.words.measure [--root .]`, one JSON object.

Counts are over `src/urja` without migrations. Units and errors that public functions leave out are counted as
`tests.words.described` prints them, long sentences of documents as `tests.words.sentences` does.
"""

import argparse
import ast
import io
import json
import re
import tokenize
from collections import Counter
from pathlib import Path

from tests.words.described import found, functions, read
from tests.words.refused import findings
from tests.words.sentences import long_sentences, pages
from tests.words.texts import ROOT


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
        for _, function in functions(tree):
            counts.update(
                public_functions=1, public_functions_documented=ast.get_docstring(function) is not None
            )
    left_out = list(found(read(root)))
    return counts | {
        "errors_left_out": sum("does not name" in line for line in left_out),
        "units_left_out": sum("has no unit" in line for line in left_out),
        "long_sentences": sum(1 for _ in long_sentences(pages())),
        "comment_share_of_lines": round(counts["comment_lines"] / counts["code_lines"], 4),
        "words_out_of_use": sum(1 for _ in findings([root / "src"])),
    }


def _documented(node: ast.AST) -> str | None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return ast.get_docstring(node)
    return None


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
