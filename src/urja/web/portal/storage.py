"""Static files straight from the package, their addresses tagged by content."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


@cache
def _tag(path: str) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()[:12]


class TaggedStorage(StaticFilesStorage):
    """`portal.css?v=1f0a…`: a browser may keep a file for long and still never shows a page with an old style.

    Nothing is collected or copied at start: a fresh clone, a wheel and a container serve the same files.
    """

    def url(self, name: str | None) -> str:
        address = super().url(name)
        found = finders.find(name) if name else None
        return f"{address}?v={_tag(found)}" if found else address
