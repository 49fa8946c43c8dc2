"""Numbers and words in addresses."""

from django.urls import register_converter
from django.urls.converters import IntConverter, StringConverter


class Key(IntConverter):
    """A number that the database's keys can hold; a longer one is no address."""

    regex = "[0-9]{1,18}"


class Word(StringConverter):
    """A word of 32 random bytes, as a mail has it."""

    regex = "[A-Za-z0-9_-]{43}"


register_converter(Key, "key")
register_converter(Word, "word")
