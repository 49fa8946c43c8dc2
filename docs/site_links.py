"""A hook of mkdocs: links from a page to files of the repository, which are not on the site, become their paths."""

import posixpath
import re
from typing import Any

_LINK = re.compile(r"\[([^\]]*)\]\((\.\./[^)\s]+)\)")


def on_page_markdown(markdown: str, page: Any, **_given: Any) -> str:
    """Return the page's text with such links replaced."""
    folder = posixpath.dirname(page.file.src_uri)

    def replaced(link: re.Match[str]) -> str:
        text, target = link.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target.partition("#")[0]))
        return link.group() if path.startswith("docs/") else f"{text} (`{path}`)"

    return _LINK.sub(replaced, markdown)
