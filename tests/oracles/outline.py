"""A page as an outline: tags with their attributes and texts, whatever wrote them.

White space, the order of attributes and classes, optional end tags, ids of rows, tokens and digests make no difference.
"""

import re
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
ENDS = {
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "option": {"option"},
    "tr": {"tr", "td", "th"},
    "td": {"td", "th"},
    "th": {"td", "th"},
    "tbody": {"thead", "tbody", "tr", "td", "th"},
}
"""Which open elements a tag ends."""
TOKEN = re.compile(r"\b(?=\w*[a-f])[0-9a-f]{16,64}\b|\b[A-Za-z0-9]{64}\b")
"""What is drawn, and digests of contents."""
VERSION = re.compile(r"\?v=[0-9a-f]{12}\b")
DRAWN = re.compile(r"(?<=/requests/)\d+|(?<=: operation )\d+")
"""Numbers of requests and operations, of one sequence with much else."""


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._open: list[str] = []
        self._text = ""

    def handle_starttag(self, tag, attrs):
        self._end_text()
        while self._open and self._open[-1] in ENDS.get(tag, ()):
            self._open.pop()
        shown = [
            name if value is None else f'{name}="{_normal(name, value)}"' for name, value in sorted(attrs)
        ]
        self._line(" ".join((f"<{tag}", *shown)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        self._end_text()
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        self._text += data

    def _line(self, text: str) -> None:
        self.lines.append(f"{' ' * len(self._open)}{text}")

    def _end_text(self) -> None:
        words = " ".join(self._text.split())
        self._text = ""
        if words:
            self._line(words)


def _normal(name: str, value: str) -> str:
    words = value.split()
    return " ".join(sorted(words) if name == "class" else words)


def outline(html: str) -> str:
    """The outline of a page, a tag or a text a line."""
    reader = _Outline()
    reader.feed(html)
    reader.close()
    return "\n".join(reader.lines)


def normal(text: str) -> str:
    """Without what is drawn, and with ids by the order in which they come up."""
    return renumbered(DRAWN.sub("(id)", VERSION.sub("", TOKEN.sub("(digest)", text))))


def renumbered(text: str) -> str:
    """Ids (a bucket and a number) by the order in which they come up."""
    seen: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        bucket, number = divmod(int(found[0]), 1 << 40)
        is_id = 0 < bucket < 1024 and number < 10_000_000
        return seen.setdefault(found[0], f"id{len(seen) + 1}") if is_id else found[0]

    return re.sub(r"(?<![\d.])\d{13,16}(?![\d.])", name, text)
