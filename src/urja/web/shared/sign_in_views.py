"""Signing in by a code: allauth's pages, with what happens at the door written down."""

from datetime import UTC, datetime

from allauth.account import views
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from urja.apps.identity.kinds import SignInKind
from urja.web.shared import sign_in
from urja.web.shared.ledger_words import too_soon


class ConfirmCode(views.ConfirmLoginCodeView):
    """The code that came, three times at most, and another one as often as the first may be asked for."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if self._action == "resend":
            return super().post(request, *args, **kwargs)
        # Tries at once are counted one after the other, whatever each has read of the session.
        with transaction.atomic():
            asked_at = datetime.fromtimestamp(self._process.state["at"], UTC)
            if not sign_in.try_code(request, self._address, asked_at):
                self._process.abort()
                return HttpResponseRedirect(reverse("account_request_login_code"))
            return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Form) -> HttpResponse:
        sign_in.note(self.request, SignInKind.WRONG_CODE, self._address, self._process.user)
        return super().form_invalid(form)

    def _resend_form_valid(self, form: Form) -> HttpResponse:
        wait_s = sign_in.ask(self.request, self._address, self._process.user)
        if wait_s:
            form.add_error(None, too_soon(wait_s))
            return self.render_to_response(self.get_context_data(form=form))
        return super()._resend_form_valid(form)

    @property
    def _address(self) -> str:
        return str(self._process.state.get("email", ""))


confirm_login_code = ConfirmCode.as_view()
