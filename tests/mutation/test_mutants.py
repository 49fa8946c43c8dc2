"""What the mutants of a source are, and what is not changed."""

import ast
from pathlib import Path

from tests.mutation.mutants import count, mutant


def shown(source: str) -> list[str]:
    found = [mutant(source, number) for number in range(count(source))]
    return [f"{one.before} -> {one.after}" for one in found]


def test_each_mutant_is_one_change_of_a_decision_or_a_calculation():
    assert shown("def f(a, b):\n    if a < b and not a:\n        return max(a, 1) + b\n") == [
        "a < b and (not a) -> not (a < b and (not a))",
        "a < b and (not a) -> a < b or not a",
        "a < b -> a <= b",
        "return max(a, 1) + b -> return None",
        "max(a, 1) + b -> max(a, 1) - b",
        "max(a, 1) -> min(a, 1)",
        "1 -> 2",
    ]


def test_a_call_for_its_effect_is_dropped():
    assert shown("def f(a):\n    a.post()\n") == ["a.post() -> None"]


def test_what_no_test_should_pin_is_left_alone():
    assert shown('"""Text 1."""\n@dataclass(frozen=True)\nclass C:\n    a: Annotated[int, 3]\n') == []
    assert shown("def f(a):\n    log.info(1 + 1)\n    assert a < 3\n    raise E(f'{a + 1}')\n") == []


def test_every_mutant_parses_and_differs():
    source = Path(__file__).with_name("mutants.py").read_text()
    assert count(source) > 20
    for number in range(count(source)):
        assert ast.unparse(ast.parse(mutant(source, number).source)) != ast.unparse(ast.parse(source))


def test_the_lines_of_a_mutant_are_those_of_its_statement_without_what_is_inside_it():
    source = "def f(a):\n    if (\n        a < 1\n    ):\n        return g(\n            a + 1\n        )\n"
    places = {one.before: one.lines for one in (mutant(source, n) for n in range(count(source)))}
    assert places["a < 1"] == range(2, 5)
    assert places["a + 1"] == range(5, 8)
