"""Words of mails in addresses, which are left out of the log: with one a change of a sign-in address is confirmed or refused."""

import logging
import re
from typing import Final

_WORD: Final = re.compile(r"[A-Za-z0-9_-]{40,}")
"""As `urja.web.shared.url_converters.Word`, and such as a mail program has shortened or prolonged by a little."""
_LOGGERS: Final = ("django.request", "django.security.csrf")
"""Those that log the path of a request that is refused or fails."""


def leave_out_words(record: logging.LogRecord) -> bool:
    """Replace long words in the arguments of a line by an ellipsis, and let it pass."""
    if isinstance(record.args, tuple):
        record.args = tuple(_WORD.sub("…", one) if isinstance(one, str) else one for one in record.args)
    return True


def leave_words_out_of_the_log() -> None:
    """Have the framework's lines about requests written without words of mails."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(leave_out_words)
