"""Counts who crosses into which app: by imports, and by SQL.

python -m tests.contracts.crossings
"""

from collections import Counter

from tests.contracts.imports import graph, owner


def main() -> None:
    print("Imports of modules of an app from outside it\n")
    show(imports())


def imports() -> Counter[tuple[str, str]]:
    """Direct imports of an app's modules from another app or package."""
    crossings: Counter[tuple[str, str]] = Counter()
    for importer in graph().find_descendants("urja"):
        for imported in graph().find_modules_directly_imported_by(importer):
            pair = owner(importer), owner(imported)
            if pair[1].startswith("urja.apps.") and pair[0] != pair[1]:
                crossings[pair] += 1
    return crossings


def show(crossings: Counter[tuple[str, str]]) -> None:
    """One line for each importer, most imported first."""
    for importer in sorted({importer for importer, _ in crossings}):
        row = {imported: n for (other, imported), n in crossings.most_common() if other == importer}
        into = ", ".join(f"{name.removeprefix('urja.apps.')} {n}" for name, n in row.items())
        print(f"{importer.removeprefix('urja.'):20} {sum(row.values()):4}   {into}")
    print(f"{'':20} {crossings.total():4}   in all\n")


if __name__ == "__main__":
    main()
