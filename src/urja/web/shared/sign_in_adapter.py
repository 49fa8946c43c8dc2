"""How django-allauth behaves here: people are adopted with their connection, they do not sign up."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

from urja.apps.identity.kinds import SignInKind
from urja.apps.identity.queries.identities import is_staff
from urja.web.shared import sign_in


class ConsumerAdapter(DefaultAccountAdapter):
    """allauth has no Hindi catalogue, so what people can get to see is said in our own words."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This sign-in has been closed. Please contact your electricity office."),
        "incorrect_code": _("That is not the code we sent. Please check it and try again."),
        "rate_limited": _("Please wait a minute before you request another code."),
        "too_many_login_attempts": _("Too many codes were requested. Please wait a minute and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return False

    def generate_login_code(self) -> str:
        # Where an address is guessed at from many places, its owner is not locked out: a longer code makes guessing hopeless.
        under_attack = getattr(context.request, "urja_long_code", False)
        digits = sign_in.LONG_CODE if under_attack else sign_in.SHORT_CODE
        return get_random_string(digits, "0123456789")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        if template_prefix == "account/email/unknown_account":
            # No mail is sent, and it takes as long: the response time must not say whether the address is known.
            self.render_mail(
                "account/email/login_code", email, {**context, "code": self.generate_login_code()}
            )
            return
        super().send_mail(template_prefix, email, context)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
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

    def format_email_subject(self, subject: str) -> str:
        return subject
