"""The protocol side runs without Django, templates keep to their part of the web, and each `match` says what becomes of any other value.

Who may import whom is tested in `contracts/test_imports.py`.
"""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WEB = ROOT / "src" / "urja" / "web"
USED = re.compile(r"""\{% *(?:extends|include|static) +["'](\w+)/""")


def used_by(template: str) -> set[str]:
    """The parts of the web whose templates and static files a template uses."""
    return set(USED.findall(template)) & {path.name for path in WEB.iterdir()}


def test_templates_use_what_is_of_their_part_or_shared():
    others = {
        str(path.relative_to(WEB)): others
        for path in WEB.rglob("*.html")
        if (others := used_by(path.read_text()) - {"shared", path.relative_to(WEB).parts[0]})
    }
    assert not others


def test_a_template_of_another_part_is_seen():
    assert used_by('{% extends "portal/home.html" %}<img src="{% static \'shared/icon.svg\' %}">') == {
        "portal",
        "shared",
    }


WRITES = re.compile(
    r"\b(INSERT INTO|UPDATE|DELETE FROM|FOR UPDATE|nextval)\b|\)\.(update|delete)\(|\.(bulk_\w+|create|save)\("
)


def test_overviews_only_read():
    """They may name every owner's models, as they read what belongs together."""
    written = {
        path.name
        for path in (ROOT / "src/urja/apps/overviews").rglob("*.py")
        if WRITES.search(path.read_text())
    }
    assert written == set()


@pytest.mark.parametrize(
    "line",
    [
        "Person.objects.create(name='')",
        "Person.objects.filter(id=1).update(name='')",
        "UPDATE people_person SET",
    ],
)
def test_a_write_in_overviews_is_seen(line):
    assert WRITES.search(line)


def test_kinds_of_operations_load_without_their_execution():
    """The web imports them: no table and no use case comes with them."""
    code = (
        "import sys, urja.usecases.kinds, urja.usecases.kinds.decoding\n"
        "print(*(name for name in sys.modules if name.startswith(('urja.apps.', 'urja.usecases.'))))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in run.stdout.split() if not name.startswith("urja.usecases.kinds")}
    assert "urja.apps.journal.operation" in loaded
    words = {name.rpartition(".")[2] for name in loaded if name.count(".") > 2}
    assert words <= {"errors", "kinds", "operation"}


def test_each_kind_has_its_execution(database_template):
    """The guards of a class that adds no field: what is recorded is what is done."""
    from urja.apps.journal.operation import UseCase
    from urja.usecases import kinds
    from urja.usecases.operations import BY_KIND

    assert {*BY_KIND} == {*kinds.BY_KIND}
    for kind, asked in kinds.BY_KIND.items():
        does = BY_KIND[kind]
        assert issubclass(does, asked)
        assert does.__struct_fields__ == asked.__struct_fields__
        assert does.__struct_defaults__ == asked.__struct_defaults__
        assert does.faults is not UseCase.faults
        assert does.carry_out is not UseCase.carry_out
        assert not issubclass(asked, UseCase)


MANAGER = re.compile(r"\.(?:objects|_default_manager|_base_manager)\b")
WITHOUT_OWNER = re.compile(r"(?:get_user_model\(\)|Authenticator)\.objects\b")
"""Who signs in and with which second factor: Django's tables and allauth's, which no app owns."""


def asks_a_manager(source: str) -> bool:
    """Whether a module goes to a table of an app by itself."""
    return MANAGER.search(WITHOUT_OWNER.sub("", source)) is not None


def test_the_web_asks_no_manager():
    """It gets rows from queries, and has their types' names for its own functions."""
    modules = [path for path in WEB.rglob("*.py") if "migrations" not in path.parts]
    assert {str(path.relative_to(WEB)) for path in modules if asks_a_manager(path.read_text())} == set()


@pytest.mark.parametrize("line", ["keys.Token.objects.all()", "type(row)._default_manager.update(x=1)"])
def test_a_manager_in_the_web_is_seen(line):
    assert asks_a_manager(f"get_user_model().objects.get()\n{line}")


def tables_held() -> set[str]:
    """The models of apps that a module of the web has under a name, where another module happens to import them."""
    from django.db.models.base import ModelBase

    import urja.web

    names = [found.name for found in pkgutil.walk_packages(urja.web.__path__, "urja.web.")]
    return {
        f"{module}.{name}"
        for module in names
        if "migrations" not in module
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, ModelBase) and value.__module__.startswith("urja.apps.")
    }


def test_the_web_holds_no_table(database_template, monkeypatch):
    from urja.apps.identity.queries import tokens
    from urja.web.shared import clock

    assert tables_held() == set()
    monkeypatch.setattr(clock, "Token", tokens.Token, raising=False)
    assert tables_held() == {"urja.web.shared.clock.Token"}


WITHOUT_DJANGO = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "django":
            raise ImportError("Django is unimportable here")

sys.meta_path.insert(0, Refuse())
import importlib, pkgutil
for root in {roots!r}:
    module = importlib.import_module(root)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), root + "."):
        importlib.import_module(found.name)
from urja.site.cli.main import urja
urja({arguments!r}, standalone_mode=False)
"""


@pytest.mark.parametrize(
    ("roots", "arguments"),
    [
        (["urja.headend", "urja.meter", "urja.cosem", "urja.core", "urja.stream"], ["--version"]),
        ([], ["decode", "c001c1000100002b0100ff0200"]),
        ([], ["headend", "read", "--help"]),
        ([], ["meter", "serve", "--help"]),
    ],
)
def test_the_protocol_side_runs_where_django_cannot_be_imported(roots, arguments):
    program = WITHOUT_DJANGO.format(roots=roots, arguments=arguments)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def matches_without_a_default(source: str) -> list[int]:
    """Lines of the `match` statements whose last case lets a value through that no case names."""
    return [
        statement.lineno
        for statement in ast.walk(ast.parse(source))
        if isinstance(statement, ast.Match) and not _takes_everything(statement.cases[-1])
    ]


def _takes_everything(case: ast.match_case) -> bool:
    return case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None


def test_every_match_says_what_becomes_of_any_other_value():
    """`assert_never` over a closed type, which mypy checks; a stated default over an open one."""
    open_ended = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for line in matches_without_a_default(path.read_text())
    ]
    assert not open_ended, "end these in `case _:` with assert_never or a stated default"


def test_a_match_without_a_default_is_seen():
    planted = "match kind:\n    case 1:\n        done = 1\n"
    assert matches_without_a_default(planted) == [1]
    assert matches_without_a_default(planted + "    case _ if done:\n        done = 2\n") == [1]
    assert matches_without_a_default(planted + "    case other:\n        done = other\n") == []
