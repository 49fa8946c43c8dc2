"""A pytest plugin: mutants meet their tests in forks of one process that has imported and started everything once.

Starting PostgreSQL, migrating a database and importing Django takes longer than most tests that kill a mutant. So this run
of pytest collects all tests, makes the session's fixtures, and then forks for each mutant of the JSON file that `MUTANTS`
names; the fork changes the code of the functions concerned, runs the mutant's tests and ends. How each fared is
written to the descriptor that `FATES` names, one line of JSON each: `lived` is null where a fork cannot say.
"""

import functools
import gc
import importlib
import itertools
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from tests.mutation.mutants import compiled

MUTANTS, FATES = "URJA_MUTANTS", "URJA_MUTANTS_FATES"
_KILLED, _LIVED, _BROKEN = 7, 8, 9
_failed: list[str] = []


@pytest.hookimpl
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failed.append(f"{report.nodeid}\n{report.longreprtext}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """In the place of a run of all tests."""
    items = {item.nodeid: item for item in session.items}
    _run(list(_one_of_each_session_fixture(session.items)), session)
    assert not _failed, f"fails without any mutant: {_failed[0]}"
    with os.fdopen(int(os.environ[FATES]), "w", buffering=1) as fates:
        mutants = json.loads(Path(os.environ[MUTANTS]).read_text())
        _import({Path(one["path"]) for one in mutants})
        for number, one in enumerate(mutants):
            tests = [items[test] for test in one["tests"]]
            if number == 0:
                assert _lives({**one, "number": None}, tests, session, number), (
                    "tests fail in a fork without any mutant"
                )
            lived = _lives(one, tests, session, number + 1)
            fates.write(json.dumps({"name": one["name"], "lived": lived}) + "\n")
    return True


def _import(paths: set[Path]) -> None:
    """What a test would import first in a fork would be imported as it is in the file, without the mutant."""
    for path in paths:
        root = max(
            (each for each in map(Path, sys.path) if path.is_relative_to(each)),
            key=lambda each: len(each.parts),
        )
        importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))


def _one_of_each_session_fixture(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Tests that together ask for every fixture of the session's scope, so that forks find it made."""
    made: set[str] = set()
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        lasting = {each.argname for each in itertools.chain(*fixtures) if each.scope == "session"}
        if lasting - made:
            made |= lasting
            yield item


def _run(chosen: list[pytest.Item], session: pytest.Session) -> None:
    """Run tests until one fails; fixtures of the session's scope stay for those that come after."""
    for item, following in itertools.pairwise([*chosen, session]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if _failed:
            return


def _lives(one: dict, chosen: list[pytest.Item], session: pytest.Session, number: int) -> bool | None:
    """Whether tests pass with a mutant (none for number None), within its time; None where it cannot be put in."""
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            _forget_what_forks_would_share(number + 1)
            if one["number"] is not None:
                _put_in(Path(one["path"]), one["number"])
            _run(chosen, session)
        except BaseException:  # noqa: BLE001 - said by the exit code; a fork must never return
            traceback.print_exc()
            os._exit(_BROKEN)
        os._exit(_KILLED if _failed else _LIVED)
    handle = os.pidfd_open(child)
    ended, _, _ = select.select([handle], [], [], one["within_s"])
    os.close(handle)
    if not ended:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return {_LIVED: True, _BROKEN: None}.get(os.waitstatus_to_exitcode(status), False)


def _forget_what_forks_would_share(number: int) -> None:
    """Counters that name databases go on where no other fork does; what functions remember is from before the mutant."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tests."):
            for own, value in vars(module).items():
                if isinstance(value, itertools.count):
                    setattr(module, own, itertools.count(number * 10_000))
    for thing in gc.get_objects():
        if isinstance(thing, functools._lru_cache_wrapper):
            thing.cache_clear()


def _put_in(path: Path, number: int) -> None:
    """Give the functions of a file the code that the file has with its mutant of a number."""
    changed = _functions(compiled(path, number))
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename == str(path):
            code = thing.__code__
            thing.__code__ = changed[code.co_qualname, code.co_firstlineno]


def _functions(code: CodeType) -> dict[tuple[str, int], CodeType]:
    found = {(code.co_qualname, code.co_firstlineno): code}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _functions(inner)
    return found
