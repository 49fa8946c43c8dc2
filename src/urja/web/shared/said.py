"""Sentences in the reader's language, looked up once a process: a page says the same few dozen to everybody."""

from functools import lru_cache

from django.utils.translation import get_language, gettext


def said(text: str) -> str:
    """As Django's `gettext`, for constant texts."""
    return _said(get_language(), text)


@lru_cache(maxsize=2048)
def _said(_language: str | None, text: str) -> str:
    return gettext(text)
