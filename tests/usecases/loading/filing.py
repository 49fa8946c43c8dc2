"""Files and maps for the tests of loading."""

import csv
from dataclasses import replace

from urja.cosem.security import KekStore
from urja.usecases.loading import KINDS, as_toml, canonical, parse

KEYS = KekStore(bytes(range(16)))


def plain_map(kind, *, top="", fields=None):
    """A map whose columns are the fields' own names, with `fields` as TOML for some of them."""
    names = fields if fields is not None else {}
    own = canonical(KINDS[kind], without=frozenset(one.name for one in KINDS[kind].fields if one.outside))
    lines = as_toml(own).splitlines()
    kept = [line for line in lines if line.split(" ")[0] not in names]
    return parse("\n".join([top, *kept, *(f"{name} = {says}" for name, says in names.items())]))


def some_map(kind, *names, top=""):
    """A map of these columns alone."""
    return parse("\n".join([top, f'kind = "{kind}"', "[fields]", *(f'{name} = "{name}"' for name in names)]))


def example(kind, **changes):
    """The rows of a kind's example, each with changes."""
    return [dict(row) | changes for row in KINDS[kind].example]


def write(path, rows, names=None):
    """A CSV of rows as dictionaries, with every name that occurs as a column."""
    names = names or list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Loader:
    """Loads rows as a file with a clock that stands still."""

    def __init__(self, directory, clock):
        self.directory, self.clock, self.told = directory, clock, []

    def __call__(self, kind, rows, the_map=None, **how):
        from urja.usecases.loading import loader

        path = rows if hasattr(rows, "suffix") else write(self.directory / f"{kind}.csv", rows)
        names = list(read(path)[0]) if path.suffix == ".csv" else []
        order = loader.LoadOrder(
            path,
            the_map or some_map(kind, *names),
            self.clock.now(),
            "test",
            "INR",
            keys=KEYS,
            told=self.told.append,
        )
        return loader.load(replace(order, **how))
