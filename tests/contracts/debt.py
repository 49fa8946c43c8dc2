"""Writes the listed debt anew, sorted: the imports that break a contract of `.importlinter`, the crossings in SQL.

For after a crossing was removed, or a module that crosses was moved: read the difference before you commit it. A
list may change names; it must not grow. A contract without a list gets none.
"""

import re
from collections.abc import Iterable
from copy import deepcopy

import grimp
from importlinter import ContractCheck
from tests.contracts import executed, sql
from tests.contracts.imports import SETTINGS, contract, graph, settings
from tests.contracts.tables import set_up_django

Import = tuple[str, str]


def main() -> None:
    text = SETTINGS.read_text()
    for name, options in settings().items():
        if before := options.get("ignore_imports"):
            after = debt(options, graph())
            text = with_debt(text, name, after)
            print(f"{name}: {len(before)} -> {len(after)}")
    SETTINGS.write_text(text)
    set_up_django()
    before, after = sql.listed(), sorted(sql.crossings())
    sql.DEBT.write_text(sql.HEAD + "".join(f"{module} -> {table}\n" for module, table in after))
    print(f"statements in the source: {len(before)} -> {len(after)}")
    before, after = executed.listed(), executed.owed()
    executed.DEBT.write_text(executed.HEAD + "".join(f"{by} -> {table}\n" for by, table in after))
    print(f"statements executed: {len(before)} -> {len(after)}")


def debt(options: dict, imports: grimp.ImportGraph) -> list[str]:
    """The direct imports without which a contract is kept."""
    imports = deepcopy(imports)
    bare = contract({key: value for key, value in options.items() if key != "ignore_imports"})
    found: set[Import] = set()
    while not (check := bare.check(deepcopy(imports), verbose=False)).kept:
        broken = set(breaking(check))
        if not broken:
            undeclared = ", ".join(sorted(check.metadata.get("undeclared_modules", ())))
            raise SystemExit(f"Give these a place in the layers of `{options['id']}` first: {undeclared}")
        for importer, imported in broken:
            imports.remove_import(importer=importer, imported=imported)
        found |= broken
    return [f"{importer} -> {imported}" for importer, imported in sorted(found)]


def breaking(check: ContractCheck) -> Iterable[Import]:
    """What the check of any type of contract names as one import too many."""
    for imports in check.metadata.get("cycle_breakers_by_package", {}).values():
        yield from imports
    for module in check.metadata.get("illegal_imports", ()):
        yield from _links(module.illegal_links)
    yield from _links(check.metadata)


def _links(found: object) -> Iterable[Import]:
    match found:
        case {"importer": importer, "imported": imported, "line_numbers": _}:
            yield importer, imported
        case dict():
            yield from _links([*found.values()])
        case list():
            for part in found:
                yield from _links(part)
        case _:
            pass


def with_debt(text: str, name: str, lines: list[str]) -> str:
    """The settings with one contract's list in the place of the list it had."""
    head, section, rest = re.split(rf"(?m)^(\[importlinter:contract:{name}\]\n)", text)
    body, mark, other = rest.partition("\n[")
    body = re.sub(r"(?m)^ignore_imports =\n(    .*\n?)*", "", body).rstrip("\n") + "\n"
    listed = "".join(f"    {line}\n" for line in lines)
    return f"{head}{section}{body}{f'ignore_imports =\n{listed}' if lines else ''}{mark}{other}"


if __name__ == "__main__":
    main()
