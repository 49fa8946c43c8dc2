"""Counts who crosses into which app: by imports, by statements in SQL, by foreign keys.

python -m tests.contracts.crossings
"""

from collections import Counter
from collections.abc import Callable, Iterator

from tests.contracts import sql
from tests.contracts.imports import graph
from tests.contracts.tables import owner, owners, set_up_django

type Crossing = tuple[str, str]


def main() -> None:
    set_up_django()
    show("Imports of an app's modules from outside it", imports())
    show("Statements that name an app's table outside it, laws left out", statements(owners().__getitem__))
    show("The same, by table", statements(str))
    show("Foreign keys", foreign_keys())


def imports() -> Counter[Crossing]:
    """Direct imports of an app's modules from another app or package."""
    crossings: Counter[Crossing] = Counter()
    for importer in graph().find_descendants("urja"):
        for imported in graph().find_modules_directly_imported_by(importer):
            pair = owner(importer), owner(imported)
            if pair[1].startswith("urja.apps.") and pair[0] != pair[1]:
                crossings[pair] += 1
    return crossings


def statements(into: Callable[[str], str]) -> Counter[Crossing]:
    """Statements of an app or a package that name a table of another's."""
    crossings: Counter[Crossing] = Counter()
    for (module, table), times in sql.crossings().items():
        crossings[owner(module), into(table)] += times
    return crossings


def foreign_keys() -> Counter[Crossing]:
    """Keys of an app's tables to another app's."""
    return Counter((owners()[table], owners()[other]) for table, other in keys())


def keys() -> Iterator[Crossing]:
    """Each foreign key from a table to a table of another owner; none before Django is set up."""
    from django.apps import apps

    for model in apps.get_models() if apps.ready else ():
        for field in model._meta.local_fields:
            if field.is_relation:
                pair = model._meta.db_table, field.related_model._meta.db_table
                if len({owners().get(table) for table in pair} - {None}) == 2:
                    yield pair


def show(title: str, crossings: Counter[Crossing]) -> None:
    """One line for each importer, most imported first."""
    print(f"{title}\n")
    for importer in sorted({importer for importer, _ in crossings}):
        row = {imported: n for (other, imported), n in crossings.most_common() if other == importer}
        into = ", ".join(f"{name.removeprefix('urja.apps.')} {n}" for name, n in row.items())
        print(f"{importer.removeprefix('urja.'):20} {sum(row.values()):4}   {into}")
    print(f"{'':20} {crossings.total():4}   in all\n")


if __name__ == "__main__":
    main()
