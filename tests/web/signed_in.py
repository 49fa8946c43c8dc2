"""Sessions that a database of tests begins with: a test of a page that signs in by one writes nothing."""

from typing import Final

_KEY: Final = "session-of-user-{}"


def open_sessions() -> None:
    """Make a session for each user who has none, as signing in does."""
    from django.conf import settings
    from django.contrib import auth
    from django.contrib.sessions.backends.db import SessionStore

    for user in auth.get_user_model().objects.all():
        session = SessionStore(_KEY.format(user.pk))
        if session.exists(session.session_key):
            continue
        session[auth.SESSION_KEY] = str(user.pk)
        session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save(must_create=True)


def sign_in(client, user_id) -> None:
    """Give a client the session of a user; a new one to a user who came later."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.contrib.sessions.models import Session

    key = _KEY.format(user_id)
    if Session.objects.filter(pk=key).exists():
        client.cookies[settings.SESSION_COOKIE_NAME] = key
    else:
        client.force_login(get_user_model().objects.get(pk=user_id))
