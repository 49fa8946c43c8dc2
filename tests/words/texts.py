"""What people read in a file: sentences of pages and documents; in code docstrings, comments, strings and names."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FORMATS = (".py", ".html", ".md", ".po", ".txt", ".toml", ".js")


def files(paths: list[Path]) -> Iterator[Path]:
    """Files of a kind that people read, below some folders; migrations are frozen and left out."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if (
                file.suffix in _FORMATS
                and file.is_file()
                and not {"migrations", "__pycache__"} & set(file.parts)
            ):
                yield file


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Pairs of line number and text."""
    content = file.read_text()
    if file.suffix == ".py":
        yield from _python(content)
    else:
        yield from enumerate(content.splitlines(), 1)


def _python(content: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(content)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # With its quotes, so that a word can be allowed as a value and not in a sentence.
            for offset, line in enumerate(f'"{node.value}"'.splitlines()):
                yield node.lineno + offset, line
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, spoken(node.name)
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def spoken(name: str) -> str:
    """Return a name of code as words: `MeterJobs` and `meter_jobs` are "meter jobs"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).strip().lower()
