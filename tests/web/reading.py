"""Reads pages as a reader does."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "img", "br", "hr", "line", "rect"}


class _Tree(HTMLParser):
    """Elements in order, each with its tag, attributes, text and the ones around it."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[dict] = []
        self._open: list[dict] = []

    def handle_starttag(self, tag, attrs):
        # Cells and rows may leave out their end tags.
        closes = {"tr": {"tr", "td", "th"}, "td": {"td", "th"}, "th": {"td", "th"}}.get(tag, set())
        while self._open and self._open[-1]["tag"] in closes:
            self._open.pop()
        element = {"tag": tag, "attrs": dict(attrs), "text": "", "around": list(self._open)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "attrs": dict(attrs), "text": "", "around": list(self._open)})

    def handle_endtag(self, tag):
        while any(element["tag"] == tag for element in self._open) and self._open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data


def _tree(response) -> list[dict]:
    tree = _Tree()
    tree.feed(response.content.decode())
    return tree.elements


def text_of(response) -> str:
    """The text of a page, without tags, with single spaces."""
    body = re.sub(r"<(style|script|head).*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return _spaced(re.sub(r"<[^>]+>", " ", body))


def _spaced(text: str) -> str:
    """A text with single spaces; where lines may end is not compared."""
    return " ".join(text.replace("\u2060", "").split())


def elements(response, tag: str, *, inside: str) -> list[str]:
    """The texts of elements within the one with an id."""
    return Page(response).cells(inside, tag)


class Page:
    """A page taken apart."""

    def __init__(self, response) -> None:
        assert response.status_code == 200
        self.text = text_of(response)
        self._elements = _tree(response)

    def _find(self, name: str, path: str) -> list[dict]:
        """Elements by tag (and class) inside the one of id `name`: `tbody td.figure`."""
        *around, last = path.split()
        tag, _dot, kind = last.partition(".")
        return [
            element
            for element in self._elements
            if element["tag"] == tag
            and (not kind or kind in element["attrs"].get("class", "").split())
            and any(outer["attrs"].get("id") == name for outer in element["around"])
            and all(any(outer["tag"] == step for outer in element["around"]) for step in around)
        ]

    def cells(self, name: str, path: str) -> list[str]:
        return [_spaced(element["text"]) for element in self._find(name, path)]

    def numbers(self, name: str, path: str) -> list[int]:
        return [int(element["attrs"]["data-minor"]) for element in self._find(name, path)]

    def number(self, name: str) -> int:
        return next(int(e["attrs"]["data-minor"]) for e in self._elements if e["attrs"].get("id") == name)
