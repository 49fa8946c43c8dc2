"""Plugin of pytest: a test fails whose statement names a table of another owner, unless a listed debt says why it may.

A statement belongs to the nearest frame in `urja` when it is executed. So this sees what the source does not show
(`sql.py`): what a queryset joins, where it is evaluated, and statements that are put together from names. A table may
be named by an owner that has it in `sql_debt.txt`, that has a foreign key to it, or that the contract `models` lets import
all models, or that has a line in `executed_debt.txt`. Processes that tests start are not watched.
"""

import configparser
import json
import re
import sys
from functools import cache
from pathlib import Path

import psycopg
import pytest
from tests.contracts import sql
from tests.contracts.crossings import keys
from tests.contracts.tables import ROOT, free, named_in, owner, owners, without_model

DEBT = Path(__file__).parent / "executed_debt.txt"
"""The crossings that stand beside those of `sql.DEBT`, a line each: `owner -> table`."""
HEAD = """\
# Owners whose executed statements name a table of another's, where neither sql_debt.txt, nor a foreign key, nor the right
# to import all models says so. A crossing that is not listed fails the test that executes it; a listed one that a whole
# run has not seen fails the run: lines go, none is added.
"""
CACHED = "contracts/executed"
"""The crossings that the last run has seen, in pytest's cache."""
UNLISTED = """\
Statements that name a table of another owner. Ask its queries for values, or have it publish a view. Only for what stood
before and was moved, list it with `python -m tests.contracts.debt`.
"""
_READS_ALONE = {"urja.apps.overviews"}
_FOR_THEIR_CALLER = {
    "urja.apps.journal.operation",
    "urja.apps.partial_insert",
    "urja.demo.retrying",
    "urja.pipeline.django_thread",
}
"""The last two call what they are given in a thread, where a test's own question has no frame of the test."""

seen: set[sql.Crossing] = set()
unlisted: dict[sql.Crossing, str] = {}
"""The statements since the last test that cross and are not listed."""


def watch(cursor: type) -> None:
    """Note each statement of a class of cursors before it is executed."""
    for name in vars(cursor).keys() & {"copy", "execute", "executemany", "stream"}:
        setattr(cursor, name, _noting(vars(cursor)[name]))


def _noting(method):
    def noting(self, query, *arguments, **options):
        note(query)
        return method(self, query, *arguments, **options)

    return noting


def note(query: object) -> None:
    text = query if isinstance(query, str) else _text(query)
    if not (tables := named_in(text)) or not (by := _owner_of_caller()):
        return
    if by in _READS_ALONE and not _READING.match(text):
        unlisted[by, "what it reads alone"] = text
    for table in tables:
        if owners()[table] != by and (by, table) not in seen:
            seen.add((by, table))
            if not implied((by, table)) and (by, table) not in listed():
                unlisted[by, table] = text


_READING = re.compile(r"\s*(SELECT|WITH|DECLARE)\b", re.IGNORECASE)


def _text(query: object) -> str:
    if isinstance(query, bytes):
        return query.decode()
    assert isinstance(query, psycopg.sql.Composable)
    return query.as_string()


def _owner_of_caller() -> str:
    """Empty for a test's own statement and for one that may name any table."""
    frame = sys._getframe(2)
    while frame and (by := _owner_of(frame.f_code.co_filename)) is None:
        frame = frame.f_back
    return by if frame else ""


@cache
def _owner_of(file: str) -> str | None:
    """Of a source file. None of a library's, and of one that executes what it is given for its caller."""
    path = Path(file)
    if path == Path(__file__):
        return None
    if path.is_relative_to(ROOT / "tests") or path.is_relative_to(ROOT / "bench"):
        return ""
    if not path.is_relative_to(ROOT / "src"):
        return None
    module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    if module in _FOR_THEIR_CALLER:
        return None
    return "" if free(module) else owner(module)


def implied(crossing: sql.Crossing) -> bool:
    """Whether a foreign key, a right to all models or the debt in the source says so already."""
    by, table = crossing
    return (
        crossing in _in_the_source()
        or crossing in _foreign_keys()
        or (by in _importers_of_models() and table not in without_model())
    )


@cache
def listed() -> frozenset[sql.Crossing]:
    return frozenset(sql.listed(DEBT))


def owed() -> list[sql.Crossing]:
    """What is to be listed: what is, and what the last run has seen, less what is implied."""
    file = ROOT / ".pytest_cache/v" / CACHED
    cached = json.loads(file.read_text()) if file.exists() else []
    known = {(by, table) for by, table in [*listed(), *cached] if owners().get(table, by) != by}
    return sorted(crossing for crossing in known if not implied(crossing))


@cache
def _in_the_source() -> frozenset[sql.Crossing]:
    return frozenset((owner(module), table) for module, table in sql.listed())


@cache
def _foreign_keys() -> frozenset[sql.Crossing]:
    """Each owner with the tables that its own refer to: what a queryset joins along a key."""
    return frozenset((owners()[table], other) for table, other in keys())


@cache
def _importers_of_models() -> list[str]:
    settings = configparser.ConfigParser()
    settings.read(ROOT / ".importlinter")
    return settings["importlinter:contract:models"]["allowed_importers"].split()


def pytest_configure() -> None:
    for cursor in (psycopg.Cursor, psycopg.ServerCursor):
        watch(cursor)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    result = yield
    if unlisted:
        lines = [f"{by} -> {table}: {' '.join(text.split())[:300]}" for (by, table), text in unlisted.items()]
        unlisted.clear()
        pytest.fail("\n".join([UNLISTED, *lines]), pytrace=False)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    """A worker hands over what it has seen."""
    seen.update(tuple(crossing) for crossing in getattr(node, "workeroutput", {}).get(CACHED, ()))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[CACHED] = sorted(seen)
        return
    if cache := getattr(session.config, "cache", None):
        cache.set(CACHED, sorted(seen))
    whole = exitstatus == pytest.ExitCode.OK and _is_whole(session.config)
    if whole and (gone := listed() - seen):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.stash[_GONE] = sorted(gone)


_GONE = pytest.StashKey[list[sql.Crossing]]()


def _is_whole(config: pytest.Config) -> bool:
    """Whether nothing was left out but what the settings leave out."""
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return everything and not (config.option.keyword or config.option.lf)


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if gone := config.stash.get(_GONE, None):
        terminalreporter.section("statements across owners that are gone", red=True)
        terminalreporter.line("Take these lines out of tests/contracts/executed_debt.txt:")
        for by, table in gone:
            terminalreporter.line(f"{by} -> {table}")
