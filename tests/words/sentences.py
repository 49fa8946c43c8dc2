"""Print long sentences of documents: `uv run --group test python -m tests.words.sentences [--longer 30] [PATH ...]`.

A sentence ends with its full stop, question or exclamation mark, or with its paragraph, item or cell of a table. A
quoted name, an address and a symbol count as one word at most; blocks of code are left out. Acceptance pages and
decisions, which are of their day, are printed where they are named.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from tests.words.texts import ROOT

LONGEST = 30
_OF_THEIR_DAY = (ROOT / "docs" / "acceptance", ROOT / "docs" / "adr")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+|^#+\s")
_LITERAL = re.compile(r" {4}|\s*<")
"""How a paragraph begins that is code or markup."""
_END = re.compile(r"(?<=[.!?])[)\"*]*\s+(?=[^a-z])")


def pages() -> list[Path]:
    """The documents that people read today."""
    below = [
        page for page in sorted((ROOT / "docs").rglob("*.md")) if not set(page.parents) & set(_OF_THEIR_DAY)
    ]
    return [*below, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]


def sentences(page: Path) -> Iterator[tuple[int, str]]:
    """Pairs of a line's number and a sentence that begins in the paragraph, item or cell there."""
    for number, block in _blocks(page.read_text().splitlines()):
        for sentence in _END.split(re.sub(r"`[^`]*`", "`x`", block)):
            yield number, sentence


def _blocks(lines: list[str]) -> Iterator[tuple[int, str]]:
    block: list[str] = []
    began, fenced, literal, before = 0, False, False, ""
    for number, line in enumerate([*lines, ""], 1):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if not before.strip():
            literal = _LITERAL.match(line) is not None
        table = line.lstrip().startswith("|")
        code = fence or fenced or literal
        if block and (code or table or not line.strip() or _ITEM.match(line)):
            yield began, " ".join(block)
            block = []
        if table and not code:
            yield from ((number, cell) for cell in re.split(r"(?<!\\)\|", line))
        elif line.strip() and not code:
            began = began if block else number
            block.append(_ITEM.sub("", line).strip())
        before = line


def words(sentence: str) -> int:
    """Return the number of words; the address of a link is none."""
    text = re.sub(r"\]\([^)]*\)", "]", sentence)
    return sum(any(letter.isalnum() for letter in word) for word in text.split())


def long_sentences(paths: list[Path], longest: int = LONGEST) -> Iterator[str]:
    """One line for each sentence of more words than `longest`."""
    for page in paths:
        for number, sentence in sentences(page):
            if (count := words(sentence)) > longest:
                yield f"{page.relative_to(ROOT)}:{number}: {count} words: {sentence.strip()}"


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--longer", type=int, default=LONGEST)
    arguments.add_argument("paths", type=Path, nargs="*")
    asked = arguments.parse_args()
    for found in long_sentences([path.resolve() for path in asked.paths] or pages(), asked.longer):
        print(found)
