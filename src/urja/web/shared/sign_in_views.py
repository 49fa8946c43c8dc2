"""Signing in by a code: allauth's pages, with a record of each request, failure and sign-in."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

from allauth.account import views
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.stages import LoginByCodeStage, LoginStageController
from allauth.core import context
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from urja.apps.identity.kinds import SignInKind
from urja.apps.identity.queries.sign_ins import relay_fails
from urja.web.shared import sign_in
from urja.web.shared.ledger_words import too_soon
from urja.web.shared.sign_in_forms import RequestCodeForm

_DEVICE: Final = "urja_device"
"""In allauth's state of a code: the device that asked for it."""


class Attempt(LoginCodeVerificationProcess):
    """allauth's state of a code, with the device that asked for it."""

    @classmethod
    def initial_state(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        device = sign_in.asking_device(context.request)
        return {**super().initial_state(*args, **kwargs), _DEVICE: device}


class RequestCode(views.RequestLoginCodeView):
    """Where to send a code."""

    def form_valid(self, form: RequestCodeForm) -> HttpResponse:
        Attempt.initiate(request=self.request, user=form._user, email=form.cleaned_data["email"])  # noqa: SLF001 - allauth's own
        # Not allauth's, which would begin an attempt of its own.
        return HttpResponseRedirect(self.get_success_url())


request_login_code = RequestCode.as_view()


class ConfirmCode(views.ConfirmLoginCodeView):
    """The code that came, three times at most, and another one as often as the first may be asked for."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if self._action == "resend":
            return super().post(request, *args, **kwargs)
        # Tries at once are counted one after the other, whatever each has read of the session.
        with transaction.atomic():
            asked_at = datetime.fromtimestamp(self._process.state["at"], UTC)
            if not sign_in.try_code(self._address, self._process.state.get(_DEVICE), asked_at):
                self._process.abort()
                return HttpResponseRedirect(reverse("account_request_login_code"))
            return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Form) -> HttpResponse:
        device = self._process.state.get(_DEVICE)
        sign_in.note(self.request, SignInKind.WRONG_CODE, self._address, self._process.user, device)
        return super().form_invalid(form)

    def _resend_form_valid(self, form: Form) -> HttpResponse:
        wait_s = sign_in.ask(self.request, self._address, self._process.user)
        if wait_s:
            form.add_error(None, too_soon(wait_s))
            return self.render_to_response(self.get_context_data(form=form))
        if self._process.user is None:
            # allauth mails an unknown address once only; the steps are those of a known one.
            get_adapter().send_mail("account/email/unknown_account", self._address, {"request": self.request})
        return super()._resend_form_valid(form)

    def get_form_kwargs(self) -> dict[str, object]:
        if self._process.user is None:
            # allauth has read the user of a known address by now: the time of an answer must not tell them apart.
            get_user_model().objects.filter(pk=0).first()
        return dict(super().get_form_kwargs())

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        return {**super().get_context_data(**kwargs), "relay_fails": relay_fails()}

    @property
    def _address(self) -> str:
        return str(self._process.state.get("email", ""))


confirm_login_code = ConfirmCode.as_view()


def awaited_code(request: HttpRequest) -> tuple[str, str]:
    """Return the e-mail address to which this browser has asked for a code, and the code; empty texts without one."""
    stage = LoginStageController.enter(request, LoginByCodeStage.key)
    state = {} if stage is None else stage.state
    return str(state.get("email") or ""), str(state.get("code") or "")


def not_by_mobile(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuse a view to sessions that a code by SMS opened: a number that was taken over sets up no second factor."""

    @wraps(view)
    def handle(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if sign_in.by_mobile(request):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return handle


@require_safe
@never_cache
def sending(request: HttpRequest) -> HttpResponse:
    """Return the part of the code's page that says whether mail can be sent, which is the same for every address."""
    return render(request, "account/sending.html", {"relay_fails": relay_fails()})
