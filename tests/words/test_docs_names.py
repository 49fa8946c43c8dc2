"""Paths, modules and names of code that documents quote exist, and so do the tests that acceptance pages name, and the
pages and headings that documents link to.
"""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from tests.words.texts import ROOT

DOCUMENTS = sorted(
    file
    for file in [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")),
    ]
    if "acceptance" not in file.parts and "adr" not in file.parts
)
"""Pages of today; decisions and acceptance pages name the code of their day."""
ACCEPTANCE = sorted((ROOT / "docs" / "acceptance").glob("*.md"))

_QUOTED = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?<![\w/.<-])(?:src|tests|bench|docs)/[\w/.*-]*[\w*]")
_NAME = re.compile(
    r"(?<![\w/.-])(?:urja\.)?(?:apps|base|core|cosem|demo|laws|site|stream|usecases|urja)(?:\.(?:\w+|\{[\w,]+\}))+"
)
_NOT_CODE = re.compile(
    r"urja\.(toml\b|(commands|outcomes|progress|quarantine|readings|replay|requests)\b)|(demo|site)\.\w+$"
)
"""The settings file, subjects of the broker, and settings."""
_TEST = re.compile(r"(tests/[\w/]+\.py)((?:::\w+)*)(\.\.\.)?")
_LINK = re.compile(r"\]\(([^)#\s:]*)(?:#([\w-]+))?\)")


def unknown_names(text: str) -> Iterator[str]:
    for quoted in _QUOTED.findall(text):
        yield from (path for path in _PATH.findall(quoted) if not any(ROOT.glob(path)))
        for name in _NAME.findall(quoted):
            if not _NOT_CODE.match(name):
                yield from (
                    one for one in _expanded(name) if not _exists(one.removeprefix("urja.").split("."))
                )


def _expanded(name: str) -> Iterator[str]:
    parts = [part.strip("{}").split(",") for part in re.findall(r"\{[\w,]+\}|\w+", name)]
    return map(".".join, product(*parts))


def _exists(parts: list[str]) -> bool:
    """Follow folders, then a module, then words of its text: `apps.books.posting.post` is `post` in `posting.py`."""
    folder = ROOT / "src" / "urja"
    while parts and (folder / parts[0]).is_dir():
        folder, parts = folder / parts[0], parts[1:]
    if parts and (module := folder / f"{parts[0]}.py").is_file():
        text, parts = module.read_text(), parts[1:]
    else:
        text = (folder / "__init__.py").read_text() if parts else ""
    return all(re.search(rf"\b{part}\b", text) for part in parts)


def dead_links(file: Path, text: str) -> Iterator[str]:
    for path, anchor in _LINK.findall(text):
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield f"{path}#{anchor}"


def unknown_tests(text: str) -> Iterator[str]:
    """Yield tests that are named and not there; `...` shortens a name."""
    for path, names, shortened in _TEST.findall(text):
        source = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
        end = "" if shortened else r"\b"
        parts = names.split("::")[1:]
        if not source or not all(re.search(rf"\b(?:def|class) {name}{end}", source) for name in parts):
            yield path + names


def _anchors(file: Path) -> set[str]:
    headings = re.findall(
        r"^#+ (.+)$",
        re.sub(r"^```.*?^```", "", file.read_text(), flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_quoted_code_exists(file):
    assert list(unknown_names(file.read_text())) == []


@pytest.mark.parametrize("file", ACCEPTANCE, ids=lambda file: file.name)
def test_the_tests_of_an_acceptance_page_exist(file):
    assert list(unknown_tests(file.read_text())) == []


@pytest.mark.parametrize(
    "file", sorted({*DOCUMENTS, *(ROOT / "docs").rglob("*.md")}), ids=lambda file: file.name
)
def test_links_lead_to_a_page_and_its_heading(file):
    assert list(dead_links(file, file.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "`src/urja/nowhere.py`",
        "`urja.apps.keeping`",
        "`usecases.{dry_run,doing}`",
        "`apps.books.posting.reckon`",
    ],
)
def test_an_unknown_name_is_found(text):
    assert len(list(unknown_names(text))) == 1


def test_an_unknown_test_is_found():
    here = "tests/words/test_docs_names.py"
    assert list(unknown_tests(f"`{here}::test_a_dead...`, `{here}`")) == []
    assert list(unknown_tests(f"`{here}::test_a_dead`, `tests/nowhere.py`")) == [
        f"{here}::test_a_dead",
        "tests/nowhere.py",
    ]


def test_a_dead_link_is_found():
    assert list(
        dead_links(ROOT / "README.md", "[a](docs/nowhere.md), [b](docs/glossary.md#no-such-heading)")
    ) == [
        "docs/nowhere.md#",
        "docs/glossary.md#no-such-heading",
    ]
