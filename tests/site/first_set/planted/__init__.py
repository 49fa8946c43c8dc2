"""The migrations of the books with one that came later (`0011_planted`): the next to the last of the package here."""

from urja.apps.books import migrations

__path__ += migrations.__path__
