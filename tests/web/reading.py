"""Reads pages as a reader does."""

import re


def text_of(response) -> str:
    """The text of a page as a reader sees it: no tags, single spaces."""
    body = re.sub(r"<(style|script|head).*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
