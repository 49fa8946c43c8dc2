"""Mutants of a Python source: one small change each, at a place where the program decides or calculates.

Left alone is what no test should pin: texts of logs and errors, annotations, decorators, assertions (they never fire in a
right program) and `__str__`.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

_SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}
_OUTSIDE = {"annotation", "returns", "decorator_list", "type_params", "bases"}
_TEXT_ONLY = {"log", "say", "logging"}


@dataclass(frozen=True)
class Mutant:
    """One change: what stood there and what stands there now; `source` is the whole changed file.

    `lines` are those of the statement around it, without the statements inside that one. `in_function` is whether it changes
    what a function does when called; the others change what the file does when imported.
    """

    line: int
    lines: range
    in_function: bool
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.line}: {self.before} -> {self.after}"


def count(source: str) -> int:
    """How many mutants a source has."""
    return len(_places(ast.parse(source)))


def mutant(source: str, number: int) -> Mutant:
    """The mutant of a number below `count`, in the order of the nodes."""
    tree = ast.parse(source)
    node, change = _places(tree)[number]
    before, lines, inside = _shown(node), _lines(tree, node), _in_function(tree, node)
    change()
    line = getattr(node, "lineno", lines.start)
    return Mutant(line, lines, inside, before, _shown(node), ast.unparse(tree))


def compiled(path: Path, number: int) -> CodeType:
    """The code of a file with the mutant of a number, every function on the line it has in the file."""
    tree = ast.parse(path.read_text())
    _places(tree)[number][1]()
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


def _places(tree: ast.AST) -> list[tuple[ast.AST, Callable[[], None]]]:
    return [(node, change) for node in _decisive(tree) for change in _changes(node)]


def _lines(tree: ast.AST, node: ast.AST) -> range:
    around = [one for one in ast.walk(tree) if isinstance(one, ast.stmt) and node in _own(one)]
    first, last = around[0].lineno, around[0].end_lineno or around[0].lineno
    inside = [one.lineno for one in ast.walk(around[0]) if isinstance(one, ast.stmt) and one.lineno > first]
    return range(first, min([last + 1, *inside]))


def _in_function(tree: ast.AST, node: ast.AST) -> bool:
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(node in ast.walk(statement) for function in functions for statement in function.body)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """A statement and the expressions in it that belong to no statement inside."""
    waiting: list[ast.AST] = [statement]
    for node in waiting:
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _shown(node: ast.AST) -> str:
    shown = node.test if isinstance(node, ast.If | ast.While | ast.IfExp) else node
    return " ".join(ast.unparse(shown).split())[:120]


def _decisive(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes whose change may change what is decided or calculated."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in _OUTSIDE or (isinstance(node, ast.ClassDef) and name == "keywords"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _left_alone(child):
                yield from _decisive(child)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Assert() | ast.Raise() | ast.Import() | ast.ImportFrom() | ast.TypeAlias() | ast.JoinedStr():
            return True
        case ast.FunctionDef(name="__str__" | "__repr__"):
            return True
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name in _TEXT_ONLY
        case ast.AnnAssign(value=ast.Call(func=ast.Name(id="field"))):
            return True
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.Expr(value=ast.Call() as call):
            return _left_alone(call)
        case _:
            return False


def _changes(node: ast.AST) -> Iterator[Callable[[], None]]:
    match node:
        case ast.Compare(ops=ops):
            for place in range(len(ops)):
                yield _item(ops, place)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in _SWAPPED:
            yield _attribute(node, "op", _SWAPPED[type(op)]())
        case ast.If() | ast.While() | ast.IfExp():
            yield _attribute(node, "test", ast.UnaryOp(ast.Not(), node.test))
        case ast.UnaryOp(op=ast.USub()):
            yield _attribute(node, "op", ast.UAdd())
        case ast.Constant(value=bool() as value):
            yield _attribute(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield _attribute(node, "value", value + 1)
        case ast.Call(func=ast.Name(id=name) as function) if name in _CALLED:
            yield _attribute(function, "id", _CALLED[name])
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield _attribute(node, "value", ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Await() as value):
            yield _attribute(node, "value", ast.Constant(None))
        case _:
            return


def _attribute(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _item(ops: list[ast.cmpop], place: int) -> Callable[[], None]:
    return lambda: ops.__setitem__(place, _SWAPPED[type(ops[place])]())
