"""Each import contract is kept without exceptions, and is seen to fail on planted violations."""

import shutil
import subprocess
import sys
from copy import deepcopy

import pytest
from tests.contracts.imports import SETTINGS, breaking, check, graph, settings

IMPORTS = [
    ("layers", "urja.apps.supply.planted", "urja.pipeline.decide"),
    ("layers", "urja.core.planted", "urja.stream.codec"),
    ("apps", "urja.apps.billing.planted", "urja.apps.notices.queries"),
    ("apps", "urja.apps.payments.planted", "urja.apps.notices.queries"),
    ("apps", "urja.apps.contracts.planted", "urja.apps.billing.queries"),
    ("models", "urja.web.planted", "urja.apps.books.models"),
    ("models", "urja.pipeline.planted", "urja.apps.journal.models"),
    ("models", "urja.apps.supply.planted", "urja.apps.books.models"),
    ("operations", "urja.web.planted", "urja.apps.work.operations"),
    ("operations", "urja.site.planted", "urja.apps.work.operations"),
    ("apps", "urja.apps.work.planted", "urja.apps.supply.operations"),
    ("posting", "urja.web.planted", "urja.apps.books.posting"),
    ("posting", "urja.apps.supply.planted", "urja.apps.books.posting"),
    ("stages", "urja.pipeline.decide", "urja.pipeline.post"),
    ("stages", "urja.pipeline.close", "urja.pipeline.post"),
    ("circles", "urja.apps.books.models", "urja.apps.books.operations"),
    ("circles", "urja.stream.subjects", "urja.stream.broker"),
    ("rating-and-policy", "urja.core.rating.planted", "urja.core.policy.engine"),
    ("rating-and-policy", "urja.core.policy.planted", "urja.core.rating.engine"),
    ("pure", "urja.core.planted", "time"),
    ("pure", "urja.core.planted", "random"),
    ("pure", "urja.core.planted", "httpx"),
    ("pure", "urja.core.planted", "a_library_of_tomorrow"),
    ("pure", "urja.cosem.planted", "asyncio"),
    ("pure", "urja.cosem.planted", "urja.base.clock"),
    ("pure", "urja.base.toml", "os"),
    ("protocol-side", "urja.headend.planted", "psycopg"),
    ("protocol-side", "urja.headend.planted", "django"),
    ("protocol-side", "urja.meter.planted", "urja.core.vee"),
    ("meter-without-broker", "urja.meter.planted", "urja.stream"),
    ("broker-in-one-place", "urja.pipeline.planted", "nats"),
    ("commands-without-broker", "urja.usecases.planted", "urja.stream.broker"),
    ("web-without-meters", "urja.web.planted", "urja.cosem"),
    ("kinds", "urja.apps.work.kinds", "urja.apps.work.models"),
    ("web-door", "urja.web.planted", "urja.apps.billing.balances"),
    ("web-door", "urja.web.planted", "urja.apps.work.operations"),
    ("web-door", "urja.web.planted", "urja.usecases.operation_execution"),
    ("web-door", "urja.web.planted", "urja.usecases.move_in_and_out"),
    ("use-case-kinds", "urja.usecases.kinds.agreements", "urja.usecases.move_in_and_out"),
    ("use-case-kinds", "urja.usecases.kinds.agreements", "urja.apps.contracts.models"),
    ("web-parts", "urja.web.hooks.planted", "urja.web.portal.views"),
    ("web-parts", "urja.web.shared.planted", "urja.web.portal.views"),
    ("sandbox-apart", "urja.sandbox.planted", "django"),
    ("policy-without-maintenance", "urja.core.policy.planted", "urja.core.maintenance"),
    ("policy-without-maintenance", "urja.apps.supply.planted", "urja.apps.maintenance.queries"),
    ("base-without-framework", "urja.base.planted", "django"),
]
PACKAGES = [("layers", "urja.planted"), ("apps", "urja.apps.planted"), ("stages", "urja.pipeline.planted")]


def with_import(importer, imported):
    planted = deepcopy(graph())
    planted.add_import(importer=importer, imported=imported)
    assert planted.count_imports() == graph().count_imports() + 1
    return planted


@pytest.mark.parametrize("contract", settings())
def test_a_contract_is_kept(contract):
    assert check(contract, deepcopy(graph())).kept, "see `lint-imports`"


def test_every_contract_has_a_planted_violation():
    assert {contract for contract, *_ in IMPORTS} == set(settings())


@pytest.mark.parametrize(("contract", "importer", "imported"), IMPORTS)
def test_a_planted_import_breaks_its_contract(contract, importer, imported):
    planted = with_import(importer, imported)
    broken = check(contract, planted)
    assert not broken.kept
    # Of a circle, any of its imports may be named.
    assert contract == "circles" or (importer, imported) in breaking(broken)


@pytest.mark.parametrize(("contract", "module"), PACKAGES)
def test_a_new_package_without_a_layer_breaks_its_contract(contract, module):
    planted = deepcopy(graph())
    planted.add_module(module)
    assert check(contract, planted).metadata["undeclared_modules"] == {module}


def test_no_contract_has_exceptions():
    """There was a list of crossings that stood; it is empty, and none is begun again."""
    assert not [name for name, options in settings().items() if "ignore_imports" in options]


def test_a_planted_file_breaks_the_command(tmp_path):
    """From the file to the exit code, once: all others are planted into the graph."""
    ignored = shutil.ignore_patterns("__pycache__", "locale", "static", "templates")
    shutil.copytree(SETTINGS.parent / "src", tmp_path / "src", ignore=ignored)
    shutil.copytree(SETTINGS.parent / "tests/contracts", tmp_path / "tests/contracts", ignore=ignored)
    shutil.copy(SETTINGS, tmp_path)
    (tmp_path / "src/urja/web/planted.py").write_text("from urja.apps.books.posting import post_entries\n")
    program = (
        "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as c; c()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--contract", "posting"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "urja.web.planted -> urja.apps.books.posting" in result.stdout
