"""How django-allauth behaves here: people are adopted with their connection, they do not sign up."""

from typing import ClassVar, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from urja.apps.identity.kinds import SignInKind
from urja.apps.identity.queries.identities import is_staff
from urja.base.untyped_values import JsonObject
from urja.web.shared import sign_in

CODE_MAILS: Final = ("account/email/login_code", "account/email/unknown_account")
"""allauth's names of the mails to a known and to an unknown address."""


class ConsumerAdapter(DefaultAccountAdapter):
    """allauth has no Hindi catalogue, so what people can get to see is said in our own words."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This sign-in has been closed. Please contact your utility."),
        "incorrect_code": _("That is not the code we sent. Please check it and try again."),
        "rate_limited": _("Please wait a minute before you request another code."),
        "too_many_login_attempts": _("Too many attempts. Please wait a minute and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return False

    def generate_login_code(self) -> str:
        # Where an address is guessed at from many places, its owner is not locked out: a longer code makes guessing hopeless.
        under_attack = getattr(context.request, "urja_long_code", False)
        digits = sign_in.LONG_CODE if under_attack else sign_in.SHORT_CODE
        return get_random_string(digits, "0123456789")

    def send_mail(self, template_prefix: str, email: str, context: JsonObject) -> None:  # noqa: ARG002 - allauth's signature
        """Request the code's mail from the pipeline, which takes the address from the user and words it.

        An unknown address takes the same steps with a code of its own, and is sent nothing.
        """
        assert template_prefix in CODE_MAILS, f"the web sends no mail such as {template_prefix}"
        sign_in.request_code(context["request"], context.get("code") or self.generate_login_code())

    def post_login(self, request: HttpRequest, user: User, **kwargs: object) -> HttpResponse:
        response = super().post_login(request, user, **kwargs)
        sign_in.note(request, SignInKind.SIGNED_IN, user.email, user)
        if is_staff(user.pk):
            sign_in.limit_session(request)
        sign_in.remember_browser(request, response)
        return response

    def logout(self, request: HttpRequest) -> None:
        if request.user.is_authenticated:
            sign_in.note(request, SignInKind.SIGNED_OUT, request.user.email, request.user)
        super().logout(request)

    def get_client_ip(self, request: HttpRequest) -> str:
        # `client.believed` has put it there; allauth's own way of reading proxies' headers is not asked.
        return str(request.META.get("REMOTE_ADDR", ""))
