"""Cases that leave nothing behind share one test, whose fixtures are made once for all of them."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def with_one_setup(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As `pytest.mark.parametrize`, but each case is a subtest: for what is refused, so that the next finds all as it was."""
    keys, known = [name.strip() for name in names.split(",")], list(cases)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def all_cases(subtests: Any, **fixtures: Any) -> None:
            for case in known:
                given = dict(zip(keys, case if len(keys) > 1 else [case], strict=True))
                with subtests.test(**given):
                    test(**fixtures, **given)

        asked = inspect.signature(test).parameters
        own = inspect.Parameter("subtests", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        fixtures = [asked[name] for name in asked if name not in keys]
        all_cases.__signature__ = inspect.Signature([own, *fixtures])  # type: ignore[attr-defined]
        return all_cases

    return decorate
