"""Sessions of browsers in Django's table; each request reads its own."""

from typing import Any

from django.contrib.sessions.backends import db
from django.db import connection
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Django's own, but a session is read as values: making a model and its statement was a tenth of a page's time."""

    def _validate_session_key(self, key: str | None) -> bool:
        """Return whether a browser's word can be a key; another is no session: PostgreSQL cannot look for NUL."""
        known = super()._validate_session_key(key)  # type: ignore[misc]  # left out of the stubs
        return bool(known) and "\0" not in str(key)

    def load(self) -> dict[str, Any]:
        """Return what the session holds; empty, and without a key, where none in force has its key."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s",
                [self.session_key, timezone.now()],
            )
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row[0])
