"""Print what public functions of `src/urja` leave out: `uv run --group test python -m tests.words.described`.

* An error: the function's own body raises an exception class of ours that its docstring does not name, nor a base of it.
* A unit: a parameter or a returned value is a bare number (`int`, `float`, `Fraction`, `Decimal`, an array or a
  collection of them), its name says that it is a quantity (`_QUANTITIES`), and neither the name nor the docstring has a
  unit. Dates, instants and `timedelta` have theirs in the type: an instant is aware everywhere (ruff, DTZ).

A public function has no underscore before its name or its class's, and is not inside another function. Commands of the
command line are left out: their docstrings are their help, and each may end with an error's sentence.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.words.texts import ROOT, spoken

type Function = ast.FunctionDef | ast.AsyncFunctionDef

_NUMBERS = re.compile(r"\b(int|float|Fraction|Decimal|Integers|Ints|int64|float64|NDArray)\b")
_UNIT_WORDS = (
    "wh|kwh|vah|varh|w|kw|va|kva|v|a|hz|s|ms|us|ns|min|minutes?|seconds?|hours?|days?|weeks?|months?|years?|bytes?|bits?|octets?"
    "|minor|paise|rupees?|percent|per cent|ppm|ppb|metres?|m|litres?|share|watts?|fraction|ratio|multiple|basis points?"
    "|micros?|milli|centi|tenths?|thousandths?"
)
_UNIT_IN_NAME = re.compile(rf"(?:^| )(?:{_UNIT_WORDS})(?: |$)")
_UNIT_IN_TEXT = re.compile(
    rf"\b(?:{_UNIT_WORDS}|m?Wh|kWh|m?VAh|W|kW|VA|kVA|m?V|m?A|m?Hz|minor units?|UTC|from 0 to 1|power of (?:ten|10)|times)\b|m³"
)
_QUANTITIES = re.compile(
    r"\b(energy|energies|power|load|loads|register|registers|demand|current|voltage|frequency|consumption|usage|use"
    r"|balance|balances|amount|amounts|credit|debit|charge|charges|price|prices|cost|costs|fee|total|totals|owed|dues"
    r"|arrears|deposit|rent|tax|duty|threshold|ceiling"
    r"|duration|delay|pause|timeout|wait|interval|age|slack|deviation|lag|latency|speed|uptime)\b"
)
_BUILT_IN = {
    "Exception",
    "ValueError",
    "LookupError",
    "KeyError",
    "RuntimeError",
    "OSError",
    "ClickException",
    "Http404",
}
"""Names of others' classes that exceptions of ours extend."""
_RETURNED = re.compile(
    r"(?:Return |An? |The |(?=Number ))(.*?)(?: of | from | by | in | at | that |[,.:;]|$)"
)
"""What a docstring says that is returned."""
_KEYS = re.compile(r"\b(?:dict|Mapping)\[(?:tuple\[[^]]*\]|[^,]*),")
"""Types of keys, which are ids."""
_COUNTED = re.compile(
    r"\b(id|ids|number|count|counter|sequence|seq|index|code|port|state|status|key|version)\b"
)


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Pairs of a qualified name and a public function."""

    def below(body: list[ast.stmt], name: str) -> Iterator[tuple[str, Function]]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from below(node.body, f"{name}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (
                node.name.startswith("_") or "command" in map(_name, node.decorator_list)
            ):
                yield name + node.name, node

    return below(tree.body, "")


def _statements(body: Iterable[ast.AST], *, into_definitions: bool) -> Iterator[ast.AST]:
    """Statements with those in them; expressions, which are ten times as many, are not looked through."""
    for node in body:
        yield node
        if into_definitions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from _statements(getattr(node, part, ()), into_definitions=into_definitions)


def _name(node: ast.expr | None) -> str:
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.Call(called):
            return _name(called)
        case _:
            return ""


def exceptions(trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """The exception classes of ours, with their bases, by name."""
    bases = {
        node.name: {_name(base) for base in node.bases}
        for tree in trees.values()
        for node in _statements(tree.body, into_definitions=True)
        if isinstance(node, ast.ClassDef)
    }

    def ancestors(name: str) -> set[str]:
        return {name}.union(*(ancestors(base) for base in bases.get(name, ()) if base != name))

    return {name: own for name in bases if _BUILT_IN & (own := ancestors(name))}


def unnamed_errors(function: Function, ours: dict[str, set[str]]) -> list[str]:
    """The exception classes that a function raises itself and does not name."""
    text = ast.get_docstring(function) or ""
    own = _statements(function.body, into_definitions=False)
    raised = {_name(node.exc) for node in own if isinstance(node, ast.Raise)}
    return sorted(
        name
        for name in raised & ours.keys()
        if not any(re.search(rf"\b{base}\b", text) for base in ours[name] - _BUILT_IN)
    )


def unitless(function: Function) -> list[str]:
    """The parameters, and `return`, that are quantities without a unit."""
    text = ast.get_docstring(function) or ""
    if _UNIT_IN_TEXT.search(text):
        return []
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    named = [(spoken(argument.arg), argument.arg, argument.annotation) for argument in arguments]
    said = _RETURNED.match(text)
    named.append((f"{spoken(function.name)} {said[1].lower() if said else ''}", "return", function.returns))
    return [
        label
        for words, label, annotation in named
        if annotation is not None
        and _NUMBERS.search(_KEYS.sub("", ast.unparse(annotation)))
        and _QUANTITIES.search(words)
        and not _UNIT_IN_NAME.search(words)
        and not _COUNTED.search(words)
    ]


def read(root: Path = ROOT) -> dict[Path, ast.Module]:
    """The modules of `src/urja` without migrations."""
    return {
        file: ast.parse(file.read_text())
        for file in sorted((root / "src" / "urja").rglob("*.py"))
        if "migrations" not in file.parts
    }


def found(trees: dict[Path, ast.Module]) -> Iterator[str]:
    """One line for each error and unit that is left out."""
    ours = exceptions(trees)
    for file, tree in trees.items():
        for name, function in functions(tree):
            place = f"{file}:{function.lineno}: {name}"
            if errors := unnamed_errors(function, ours):
                yield f"{place} does not name {', '.join(errors)}"
            if quantities := unitless(function):
                yield f"{place} has no unit of {', '.join(quantities)}"


if __name__ == "__main__":
    for line in found(read()):
        print(line)
