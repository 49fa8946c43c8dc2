"""Draw docstrings and pages to read as a stranger would.

    uv run --group test python -m tests.words.draw [--seed 1] [--docstrings 50] [--pages 20] [--root .]

Prints Markdown: the docstrings of modules, classes and functions of `src`, and the texts of pages as the oracles have
them, each drawn by the seed from all of them in the order of their names.
"""

import argparse
import ast
import random
from collections.abc import Iterator
from pathlib import Path

from tests.words.texts import ROOT


def docstrings(root: Path) -> Iterator[tuple[str, str]]:
    """Pairs of a dotted name and the first paragraph of its docstring."""
    for file in sorted((root / "src" / "urja").rglob("*.py")):
        if "migrations" in file.parts:
            continue
        module = ".".join(file.relative_to(root / "src").with_suffix("").parts).removesuffix(".__init__")
        yield from _of(ast.parse(file.read_text()), module)


def _of(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    if documented and (text := ast.get_docstring(node)):
        yield name, " ".join(text.split("\n\n")[0].split())
    for child in ast.iter_child_nodes(node):
        yield from _of(child, f"{name}.{child.name}" if hasattr(child, "name") and child.name else name)


def pages(root: Path) -> Iterator[tuple[str, str]]:
    """Pairs of a page's name and its texts."""
    frozen = root / "tests" / "oracles" / "frozen" / "pages"
    for file in sorted(frozen.rglob("*.txt")):
        body = file.read_text().partition("<body")[2].splitlines()[1:]
        texts = [line.strip() for line in body if line.strip() and not line.strip().startswith("<")]
        if texts:
            yield str(file.relative_to(frozen).with_suffix("")), " · ".join(texts)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--docstrings", type=int, default=50)
    arguments.add_argument("--pages", type=int, default=20)
    arguments.add_argument("--root", type=Path, default=ROOT)
    asked = arguments.parse_args()
    print(f"Seed {asked.seed}.\n")
    for found, count in (
        (list(docstrings(asked.root)), asked.docstrings),
        (list(pages(asked.root)), asked.pages),
    ):
        for name, text in sorted(random.Random(asked.seed).sample(found, min(count, len(found)))):
            print(f"- `{name}`: {text}")
        print()


if __name__ == "__main__":
    main()
