"""The mutation run: of 300 mutants drawn by a printed seed from what decides about money and supply, 85 % are killed.

It takes hours: `pytest -m mutation -n0 -s`, with URJA_MUTATION_SEED to draw the same ones again.
"""

import json
import os
import random
import sys

import pytest
from tests.mutation import survey
from tests.mutation.mutants import Mutant

COUNT, BAR = 300, 0.85


def test_a_mutant_is_killed_by_the_tests_of_its_file_and_a_harmless_one_survives(tmp_path):
    """The survey itself: on a package of one function, one mutant dies and one that changes nothing lives."""
    (tmp_path / "test_half.py").write_text(
        "from half import half\n\n\ndef test_half():\n    assert half(4) == 2\n"
    )
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    good = "def half(a):\n    return a // 2\n"
    (tmp_path / "half.py").write_text(good)

    def drawn(source: str) -> survey.Drawn:
        return survey.Drawn("half.py", Mutant(2, "", "", source), ("test_half.py",))

    assert not survey.survives(drawn("def half(a):\n    return a * 2\n"), tmp_path)
    assert survey.survives(drawn("def half(a):\n    return a >> 1\n"), tmp_path)
    assert (tmp_path / "half.py").read_text() == good


def test_a_seed_draws_the_same_mutants_again():
    assert survey.draw(9, 5, "core/rating") == survey.draw(9, 5, "core/rating")
    watched = {path: tests for path, _, tests in survey.population()}
    assert all(watched.values()), "a watched file has no test that is there"
    for pattern, _ in survey.WATCHED:
        assert list((survey.ROOT / "src/urja").glob(pattern)), f"{pattern} names no file any more"


@pytest.mark.mutation
@pytest.mark.timeout(0)
def test_most_mutants_are_killed():
    seed = int(os.environ.get("URJA_MUTATION_SEED") or random.SystemRandom().randrange(10_000))
    found = survey.survey(seed, COUNT, os.cpu_count() or 1)
    sys.stdout.write(json.dumps(found, indent=1))
    assert found["killed_share"] >= BAR, f"seed {seed}"
