"""Signing in by mobile number: a code by SMS, and the choice among those who share the number.

An unknown number takes the same steps as a known one, and is answered alike.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

from django import forms
from django.contrib.auth import get_user_model, login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare, get_random_string, salted_hmac
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from urja.apps.identity.kinds import CODE_EXPIRES_AFTER, CodeMedium, SignInKind
from urja.apps.identity.queries.mobile_users import MobileUser, users_of_number
from urja.apps.notices.queries import has_sms
from urja.base.phone_numbers import normalised
from urja.web.shared import sign_in
from urja.web.shared.clock import business_now
from urja.web.shared.ledger_words import too_soon

_ASKED: Final = "mobile_code"
"""In the session: number, digest of the code, when it was asked for, and the device that did."""
_PROVED: Final = "mobile_proved"
"""In the session: the number that a right code has proved, and when, while its user is being chosen."""
_BACKEND: Final = "allauth.account.auth_backends.AuthenticationBackend"

type View = Callable[[HttpRequest], HttpResponse]


class NumberForm(forms.Form):
    """Where to send a code."""

    number = forms.CharField(
        label=_("Mobile number"),
        max_length=20,
        error_messages={"required": _("Please enter your mobile number.")},
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel", "autofocus": True}),
    )

    def clean_number(self) -> str:
        number = normalised(self.cleaned_data["number"])
        if number is None:
            raise forms.ValidationError(
                _("Please enter a mobile number with ten digits, such as 98765 43210.")
            )
        return number


class CodeForm(forms.Form):
    """The code that came."""

    code = forms.CharField(
        label=_("Sign-in code"),
        max_length=12,
        error_messages={"required": _("Please enter the code we sent you.")},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )


def _where_offered(view: View) -> View:
    @wraps(view)
    def handle(request: HttpRequest) -> HttpResponse:
        if not has_sms():
            raise Http404
        if request.user.is_authenticated:
            return redirect("portal:home")
        return view(request)

    return never_cache(require_http_methods(["GET", "HEAD", "POST"])(handle))


@_where_offered
def ask(request: HttpRequest) -> HttpResponse:
    """Take a number, and request that a code is sent to it."""
    form = NumberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number = form.cleaned_data["number"]
        wait_s = _send(request, number)
        if not wait_s:
            return redirect("mobile-code")
        form.add_error("number", too_soon(wait_s))
    return _page(request, "account/mobile_number.html", form)


def _send(request: HttpRequest, number: str) -> int:
    """Request a code for a number, unless this place has to wait; return the seconds, mostly 0."""
    users = users_of_number(number, business_now())
    user = _User(users[0].user_id) if users else None
    wait_s = sign_in.ask(request, number, user, CodeMedium.SMS)
    if wait_s:
        return wait_s
    digits = sign_in.LONG_CODE if request.urja_long_code else sign_in.SHORT_CODE  # type: ignore[attr-defined]  # set by `ask`
    code = get_random_string(digits, "0123456789")
    sign_in.request_code(request, code, CodeMedium.SMS)
    request.session[_ASKED] = {
        "number": number,
        "code": _digest(code),
        "at": datetime.now(UTC).timestamp(),
        "device": sign_in.asking_device(request),
    }
    request.session.pop(_PROVED, None)
    return 0


class _User:
    """A user of whom the number is all that has to be known."""

    def __init__(self, pk: int) -> None:
        self.pk = pk


def _digest(code: str) -> str:
    return salted_hmac("urja.web.mobile-sign-in", code, algorithm="sha256").hexdigest()


@_where_offered
def enter(request: HttpRequest) -> HttpResponse:
    """Take the code, three times at most, and sign in, or lead to the choice among several users."""
    asked = request.session.get(_ASKED)
    if asked is None:
        return redirect("mobile-sign-in")
    number, asked_at = asked["number"], datetime.fromtimestamp(asked["at"], UTC)
    device = asked.get("device")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        # Tries at once are counted one after the other, whatever each has read of the session.
        with transaction.atomic():
            alive = datetime.now(UTC) < asked_at + CODE_EXPIRES_AFTER
            if not alive or not sign_in.try_code(number, device, asked_at):
                del request.session[_ASKED]
                return redirect("mobile-sign-in")
            users = users_of_number(number, business_now())
            if users and constant_time_compare(_digest(form.cleaned_data["code"].strip()), asked["code"]):
                del request.session[_ASKED]
                request.session[_PROVED] = {"number": number, "at": datetime.now(UTC).timestamp()}
                # The session may have been begun by another person at a shared device, who has noted its key.
                request.session.cycle_key()
                return _enter_as(request, number, users[0]) if len(users) == 1 else redirect("mobile-user")
            user = _User(users[0].user_id) if users else None
            sign_in.note(request, SignInKind.WRONG_CODE, number, user, device)
        form.add_error("code", _("That is not the code we sent. Please check it and try again."))
    return _page(request, "account/mobile_code.html", form, number=number)


@_where_offered
def choose(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the users who share the number that was proved."""
    proved = request.session.get(_PROVED)
    if proved is None or datetime.now(UTC) >= datetime.fromtimestamp(proved["at"], UTC) + CODE_EXPIRES_AFTER:
        return redirect("mobile-sign-in")
    users = users_of_number(proved["number"], business_now())
    chosen = next((one for one in users if request.POST.get("user") == str(one.user_id)), None)
    if chosen is not None:
        return _enter_as(request, proved["number"], chosen)
    return render(request, "account/mobile_user.html", {"users": users})


def _enter_as(request: HttpRequest, number: str, chosen: MobileUser) -> HttpResponse:
    user = get_user_model().objects.get(pk=chosen.user_id)
    request.session.pop(_PROVED, None)
    login(request, user, backend=_BACKEND)
    sign_in.mark_by_mobile(request, number)
    sign_in.note(request, SignInKind.SIGNED_IN, number, user)
    response = redirect("portal:home")
    sign_in.remember_browser(request, response)
    return response


def _page(request: HttpRequest, template: str, form: forms.Form, **more: Any) -> HttpResponse:
    for name in form.errors:
        if name in form.fields:
            form.fields[name].widget.attrs.update(
                {"aria-invalid": "true", "aria-describedby": f"{name}-error"}
            )
    status = 422 if form.errors else 200
    return render(request, template, {"form": form, **more}, status=status)
