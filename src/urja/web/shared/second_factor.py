"""The second factor of staff: an app's code or a security key, after the code that came by e-mail.

These factors open sessions and are the web's to keep. What approves operations are passkeys of other tables, which the
web cannot write (docs/approvals.md).
"""

import base64
import time
from typing import ClassVar, Final

import segno
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django import forms
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, gettext_lazy as _

FRESH_S: Final = 15 * 60
"""So long after it was given a second factor stands for what moves money or supply."""

_FACTORS: Final = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def demanded(request: HttpRequest, *, next_path: str, fresh: bool = False) -> HttpResponse | None:
    """Return a redirect to the page that must be passed first; None where the second factor was given.

    `fresh`: within the last minutes, and not only at some time of the session.
    """
    if not settings.URJA_STAFF_SECOND_FACTOR:
        return None
    if not is_mfa_enabled(request.user, _FACTORS):
        return HttpResponseRedirect(reverse("mfa_index"))
    given = [one["at"] for one in get_authentication_records(request, request.user) if one["method"] == "mfa"]
    if given and (not fresh or time.time() - max(given) < FRESH_S):
        return None
    query = urlencode({REDIRECT_FIELD_NAME: next_path})
    return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{query}")


class FactorAdapter(DefaultMFAAdapter):
    """allauth has no Hindi catalogue, and secrets are not kept in the clear."""

    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("The code is wrong or has already been used. Please try the next one."),
    }

    def get_totp_issuer(self) -> str:
        return gettext("Urja")

    def build_totp_svg(self, url: str) -> str:
        return str(segno.make(url, micro=False).svg_inline(scale=5, border=4))

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002 - allauth's name
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Security key %(number)s") % {"number": number}


def _cipher() -> Fernet:
    """Under the web's secret key: a copy of the database alone opens nothing."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"urja.web.second-factor")
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.SECRET_KEY.encode())))


# -- forms ---------------------------------------------------------------------------------------------------------


def _code_field() -> forms.CharField:
    return forms.CharField(
        label=_("Code from your app, or a recovery code"),
        error_messages={"required": _("Please enter the code.")},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "maxlength": "12",
                "autofocus": True,
            }
        ),
    )


class SecondFactorForm(AuthenticateForm):
    """The second factor while signing in."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = _code_field()


class AgainForm(ReauthenticateForm):
    """The second factor once more, before what moves money or supply."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = _code_field()


class AppForm(ActivateTOTPForm):
    """The first code of an app."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = _code_field()
        self.fields["code"].label = _("The code that the app shows now")


class KeyForm(AddWebAuthnForm):
    """A security key that is added."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name of this key")
