"""Hindi is whole: every string of templates and code is translated, and what is compiled is what is written."""

import re
from collections import Counter
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from pkgutil import iter_modules

import pytest
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import denormalize, normalize, read_po
from django.utils.translation.template import templatize

import urja.apps
import urja.base
import urja.core.sheets
import urja.usecases
import urja.web

GUARDED = [
    Path(package.__file__).parent for package in (urja.apps, urja.base, urja.core.sheets, urja.usecases)
]
WEB = Path(urja.web.__file__).parent
CATALOGUES = sorted(WEB.rglob("locale/hi/LC_MESSAGES/django.po"))
"""The portal's, and one of each app that has words of its own."""
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}


def read(path):
    with path.open("rb") as file:
        return read_po(file, locale="hi")


@pytest.fixture(scope="module", params=CATALOGUES, ids=lambda path: path.relative_to(WEB).parts[0])
def catalogue(request):
    return request.param


@pytest.fixture(scope="module")
def written(catalogue):
    return read(catalogue)


def of_guards():
    """What guards say (`urja.base.sentences`): pages translate it by its pattern."""
    for path in (path for package in GUARDED for path in package.rglob("*.py")):
        with path.open("rb") as file:
            for _line, message, _comments, context in extract("python", file, {"say": None}):
                yield context, message


def of_code():
    for path in WEB.rglob("*.py"):
        with path.open("rb") as file:
            for _line, message, _comments, context in extract("python", file, KEYWORDS):
                yield context, message


CALLS = re.compile(r"""\b(?P<function>_|gettext|ngettext|pgettext)\((?P<arguments>.*)\)""")


def of_templates():
    """Django's own way of finding strings in a template, line by line: the rest of its output is not Python."""
    for path in [*WEB.rglob("*.html"), *WEB.rglob("*.txt")]:
        for line in templatize(path.read_text("utf-8"), origin=str(path)).splitlines():
            for call in CALLS.finditer(line):
                source = BytesIO(call.group(0).encode())
                for _line, message, _comments, context in extract("python", source, KEYWORDS):
                    yield context, message


def key(context, message):
    return context, message[0] if isinstance(message, tuple | list) else message


def test_every_string_is_in_a_catalogue():
    entries = [entry for path in CATALOGUES for entry in read(path) if entry.id]
    known = {(entry.context, key(None, entry.id)[1]) for entry in entries}
    used = {key(context, message) for context, message in [*of_code(), *of_guards(), *of_templates()]}
    assert len(used) > 100
    assert used - known == set()
    assert known - used == set()


def test_nothing_is_untranslated_or_guessed(written):
    for entry in written:
        if entry.id:
            strings = entry.string if isinstance(entry.string, tuple) else (entry.string,)
            assert all(strings), entry.id
            assert not entry.fuzzy, entry.id


LINES = r'"(?:[^"\\]|\\.)*"\n'
ENTRY = re.compile(rf"^(?:msgctxt (?P<context>(?:{LINES})+))?msgid (?P<text>(?:{LINES})+)", re.MULTILINE)
"""The lines of an entry's context and text, whatever is between it and the entry before."""


def written_twice(text):
    keys = Counter(
        (entry["context"] and denormalize(entry["context"]), denormalize(entry["text"]))
        for entry in ENTRY.finditer(text)
    )
    return [key for key, times in keys.items() if times > 1]


def test_no_string_is_written_twice(catalogue):
    """As `msgfmt --check` refuses it: of two translations the reader would see one, the other would be edited in vain."""
    text = catalogue.read_text("utf-8")
    assert len(ENTRY.findall(text)) == len(read(catalogue)) + 1, "each entry and the header are seen"
    assert written_twice(text) == []
    entry = next(entry for entry in read(catalogue) if entry.id and isinstance(entry.id, str))
    context = f'msgctxt "{entry.context}"\n' if entry.context else ""
    # Wrapped in another way, and without an empty line before it.
    again = f'{text.rstrip()}\n{context}msgid ""\n{normalize(entry.id)}\nmsgstr "x"\n'
    assert written_twice(again) == [(entry.context, entry.id)]


PLACEHOLDERS = re.compile(r"%\(\w+\)[sd]|%%|\{\w+\}")


def test_placeholders_survive_translation(written):
    for entry in written:
        if entry.id:
            assert not list(entry.check(written)), entry.id
            original = entry.id if isinstance(entry.id, tuple) else (entry.id,)
            strings = entry.string if isinstance(entry.string, tuple) else (entry.string,)
            expected = set(PLACEHOLDERS.findall(original[-1]))
            assert all(set(PLACEHOLDERS.findall(text)) == expected for text in strings), entry.id


def test_the_compiled_catalogue_is_the_written_one(catalogue, written):
    """`uv run pybabel compile -d src/urja/web/locale -D django` writes it again, and so for an app's own."""
    fresh = BytesIO()
    write_mo(fresh, written)
    fresh.seek(0)
    with catalogue.with_suffix(".mo").open("rb") as file:
        assert strings(file) == strings(fresh)


def strings(file):
    return {key: value for key, value in GNUTranslations(file)._catalog.items() if key}


def test_every_command_has_words(django):
    """A command without words would be shown as its module's name, and in English only."""
    from urja.headend import commands
    from urja.web.console.wording import COMMANDS

    executed = {module.name for module in iter_modules(commands.__path__) if not module.name.startswith("_")}
    assert executed - COMMANDS.keys() == set()
