"""The boundaries hold, and each contract that guards one is seen to fail on a planted violation."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PLANTED = {
    "layers": ("urja/apps/planted.py", "import urja.pipeline\n"),
    "protocol-side": ("urja/headend/planted.py", "import django\n"),
    "meter-without-broker": ("urja/meter/planted.py", "import urja.stream\n"),
    "pure": ("urja/core/planted.py", "import asyncio\n"),
    "broker-in-one-place": ("urja/pipeline/planted.py", "import nats\n"),
    "web-without-meters": ("urja/web/planted.py", "import urja.cosem\n"),
    "sandbox-apart": ("urja/sandbox/planted.py", "import django\n"),
    "base-without-framework": ("urja/base/planted.py", "import django\n"),
}


def contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]]


def lint(where: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    only = ["--contract", contract] if contract else []
    program = (
        "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as c; c()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "--config", "pyproject.toml", "--no-cache", *only],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_contract_is_kept():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_contract_has_a_planted_violation():
    assert set(PLANTED) == set(contracts())


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract(contract, tmp_path):
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "locale", "static")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path, line = PLANTED[contract]
    (tmp_path / "src" / path).write_text(line)

    result = lint(tmp_path, contract)

    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout
    assert "planted" in result.stdout


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
from urja.site.cli import urja
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
