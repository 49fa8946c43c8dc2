"""Record of second factors in the list of sign-ins: added, removed, and given wrongly.

Imported at the start of every process with Django, so it imports neither pages nor forms.
"""

from typing import Final

from allauth.mfa import signals
from django.contrib.auth.models import User
from django.http import HttpRequest

from urja.apps.identity.kinds import SignInKind


def _recording(kind: SignInKind) -> object:
    def record(*, request: HttpRequest, user: User, **_more: object) -> None:
        from urja.web.shared import sign_in

        sign_in.note(request, kind, user.email, user)

    return record


_RECORDED: Final = {
    signals.authenticator_added: _recording(SignInKind.FACTOR_ADDED),
    signals.authenticator_removed: _recording(SignInKind.FACTOR_REMOVED),
    signals.authentication_failed: _recording(SignInKind.SECOND_FACTOR_FAILED),
}


def record_second_factors() -> None:
    """Connect the records to the signals of allauth."""
    for signal, record in _RECORDED.items():
        signal.connect(record, dispatch_uid="urja", weak=False)
