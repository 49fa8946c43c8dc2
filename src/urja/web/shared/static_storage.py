"""Static files straight from the package, their addresses tagged by content."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class TaggedStorage(StaticFilesStorage):
    """`page.css?v=1f0a…`: a browser may keep a file for long and still never shows a page with an old style.

    Nothing is collected or copied at start: a fresh clone, a wheel and a container serve the same files.
    """

    def url(self, name: str | None) -> str:
        address = super().url(name)
        tag = _tag(name) if name else ""
        return f"{address}?v={tag}" if tag else address


@cache
def _tag(name: str) -> str:
    """The beginning of the hash of a file; empty where there is none. Files do not change while a process runs."""
    found = finders.find(name)
    return sha256(Path(found).read_bytes()).hexdigest()[:12] if found else ""
