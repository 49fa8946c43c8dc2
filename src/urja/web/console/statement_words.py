"""Why the database refuses a statement of account, in the reader's language; a reason of unknown shape as it is kept, in English."""

import re
from collections.abc import Callable
from typing import Final

from django.utils.translation import gettext as _

type _Say = Callable[[dict[str, str]], str]

_SAID: Final = re.compile(
    r"account \d+: the database refuses the statement from \d{4}-\d\d-\d\d: (?P<why>.+)"
)
_STATEMENT: Final = r"statement (?P<number>\d+-\d+) "

_REASONS: Final[tuple[tuple[re.Pattern[str], _Say], ...]] = tuple(
    (re.compile(_STATEMENT + rest), say)
    for rest, say in (
        (
            r"leaves a gap in its series",
            lambda found: _("Statement %(number)s leaves a gap in its series.") % found,
        ),
        (
            r"does not have the hash of its content after the one before it",
            lambda found: (
                _("Statement %(number)s does not have the hash of its content after the one before it.")
                % found
            ),
        ),
        (
            r"does not reach the last entry of its agreement's account",
            lambda found: (
                _("Statement %(number)s does not reach the last entry of its agreement's account.") % found
            ),
        ),
        (
            r"is of a period that is not closed",
            lambda found: _("Statement %(number)s is of a period that is not closed.") % found,
        ),
        (
            r"revises one of another period, or one that nothing was posted after",
            lambda found: (
                _("Statement %(number)s revises one of another period, or one that nothing was posted after.")
                % found
            ),
        ),
        (
            r"is final, and its account is not settled",
            lambda found: _("Statement %(number)s is final, and its account is not settled.") % found,
        ),
        (
            r"is final, and leaves days after the last one",
            lambda found: _("Statement %(number)s is final, and leaves days after the last one.") % found,
        ),
        (
            r"is of days that an earlier one states",
            lambda found: _("Statement %(number)s is of days that an earlier one states.") % found,
        ),
        (
            (
                r"states (?P<opening>\S+), (?P<closing>\S+) and (?P<total>\S+);"
                r" the ledger has (?P<opening_posted>\S+), (?P<closing_posted>\S+) and (?P<total_posted>\S+)"
            ),
            lambda found: (
                _(
                    "Statement %(number)s has the opening balance %(opening)s, the closing balance %(closing)s and charges of %(total)s; the ledger has %(opening_posted)s, %(closing_posted)s and %(total_posted)s (in minor units)."
                )
                % found
            ),
        ),
    )
)


def refusal_reason(problem: str) -> str:
    """Return the reason of a refused statement; `problem` is as the pipeline keeps it."""
    said = _SAID.fullmatch(problem)
    why = said["why"] if said else problem
    for pattern, say in _REASONS:
        if found := pattern.fullmatch(why):
            return say(found.groupdict())
    return problem
