"""Numbers in addresses."""

from django.urls import register_converter
from django.urls.converters import IntConverter


class Key(IntConverter):
    """A number that the database's keys can hold; a longer one is no address."""

    regex = "[0-9]{1,18}"


register_converter(Key, "key")
