"""Which app or package each table belongs to: that of its model, or of the migration whose SQL makes it.

Views are not listed: what an app publishes (`contracts.agreement`: a name with a dot), any other may read. Nor are
tables of Django and its libraries.
"""

import re
from functools import cache, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_MADE = r"^CREATE (?:UNLOGGED )?TABLE (\w+)"


def owner(module: str) -> str:
    """The app a module belongs to, or its top-level package: `urja.apps.books`, `urja.web`."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["urja", "apps"] else 2])


def set_up_django() -> None:
    """For a command; a test asks for the fixture `database_template` instead."""
    from urja.site.django import options as django_options

    django_options.setup(django_options.DjangoOptions())


def owners() -> dict[str, str]:
    """The owner of each table; none before Django is set up, when the database has no tables."""
    from django.apps import apps

    return _owners() if apps.ready else {}


@cache
def _owners() -> dict[str, str]:
    from django.apps import apps

    modelled = {
        model._meta.db_table: owner(model.__module__)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_config.name.startswith("urja.")
    }
    return without_model() | modelled


@cache
def without_model() -> dict[str, str]:
    """The owner of each table that the SQL of a migration makes."""
    return {
        table: app for app, text in sql_of_migrations() for table in re.findall(_MADE, text, re.MULTILINE)
    }


def sql_of_migrations() -> list[tuple[str, str]]:
    """Each file of SQL that a migration runs, with its owner."""
    files = sorted((ROOT / "src").glob("urja/**/migrations/*.sql"))
    return [(owner(".".join(file.relative_to(ROOT / "src").parts)), file.read_text()) for file in files]


_WORD = re.compile("[a-z_]+")


@lru_cache(4096)
def named_in(text: str) -> frozenset[str]:
    """The tables that a statement, or a piece of one, names."""
    return frozenset(owners().keys() & set(_WORD.findall(text)))


def free(module: str) -> bool:
    """Whether a module may name any table: laws verify, so they read base tables; migrations make what grants name."""
    return (
        owner(module) == "urja.laws"
        or module == "urja.demo.town_laws"
        or ".migrations." in module
        or module == "urja.site.database"
        or owner(module) == "urja.sandbox"  # SQLite of its own
    )
