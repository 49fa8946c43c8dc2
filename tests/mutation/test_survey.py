"""The mutation run: of 300 mutants drawn by a printed seed from what decides about money and supply, 85 % are killed.

It takes hours: `pytest -m mutation -n0 -s`, with URJA_MUTATION_SEED to draw the same ones again.
"""

import json
import os
import random
import sys
from pathlib import Path

import pytest
from tests.mutation import survey
from tests.mutation.mutants import count, mutant
from tests.mutation.reached import Reached, reached

COUNT, BAR = 300, 0.85


PACKAGE = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\naddopts = "--import-mode=importlib"\n',
    "half.py": "ODD = 1\n\n\ndef half(a):\n    return a // 2\n\n\ndef odd(a):\n    return a % 2 == ODD\n",
    "test_half.py": "from half import half\n\n\ndef test_half():\n    assert half(4) == 2\n",
    "test_odd.py": "from half import odd\n\n\ndef test_odd():\n    assert odd(1)\n",
}
HALF, ODD = "test_half.py::test_half", "test_odd.py::test_odd"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("package")
    for name, text in PACKAGE.items():
        (place / name).write_text(text)
    (place / "tests").symlink_to(survey.ROOT / "tests")
    return place


@pytest.fixture(scope="module")
def found(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Reached:
    return reached(package, ["test_half.py", "test_odd.py"], 2, tmp_path_factory.mktemp("kept") / "measured")


def test_a_mutant_is_killed_by_the_tests_that_run_its_line_and_a_harmless_one_survives(package, found):
    """The survey itself, on a package of two functions: in forks, and in a process of its own for what is done at import."""
    source = PACKAGE["half.py"]
    drawn = [survey.Drawn("half.py", number, mutant(source, number)) for number in range(count(source))]
    lived = survey.outlive(package, drawn, found, 2)
    assert len(drawn) == 8
    assert [one.partition(" (")[0] for one in lived] == ["half.py:9: 2 -> 3"]
    assert (package / "half.py").read_text() == source


def test_a_mutant_is_met_also_where_only_a_test_itself_imports_its_file(package, tmp_path_factory):
    (package / "late.py").write_text("def before(a):\n    return a - 1\n")
    (package / "test_late.py").write_text(
        "def test_before():\n    from late import before\n\n    assert before(4) == 3\n"
    )
    source = (package / "late.py").read_text()
    drawn = [survey.Drawn("late.py", number, mutant(source, number)) for number in range(count(source))]
    found = reached(package, ["test_late.py"], 1, tmp_path_factory.mktemp("measured"))
    assert drawn
    assert survey.outlive(package, drawn, found, 1) == []


def test_the_tests_of_a_line_are_those_that_run_it(found):
    assert found.tests_of("half.py", range(5, 6)) == [HALF]
    assert found.tests_of("half.py", range(9, 10)) == [ODD]
    assert set(found.tests_of("half.py", None)) == {HALF, ODD}, "a constant may matter to either"
    assert found.tests_of("half.py", range(3, 4)) == []


def test_a_seed_draws_the_same_mutants_again():
    assert survey.draw(9, 5, "core/rating") == survey.draw(9, 5, "core/rating")
    watched = {path: tests for path, _, tests in survey.population()}
    assert all(watched.values()), "a watched file has no test that is there"
    for pattern, _ in survey.WATCHED:
        assert list((survey.ROOT / "src/urja").glob(pattern)), f"{pattern} names no file any more"


@pytest.mark.mutation
@pytest.mark.timeout(0)
def test_most_mutants_are_killed(tmp_path):
    seed = int(os.environ.get("URJA_MUTATION_SEED") or random.SystemRandom().randrange(10_000))
    found = survey.survey(seed, COUNT, os.cpu_count() or 1, tmp_path)
    sys.stdout.write(json.dumps(found, indent=1))
    assert found["killed_share"] >= BAR, f"seed {seed}"
