"""How django-allauth behaves here: people are adopted with their connection, they do not sign up."""

from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class ConsumerAdapter(DefaultAccountAdapter):
    """allauth has no Hindi catalogue, so what people can get to see is said in our own words."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This sign-in has been closed. Please contact your electricity office."),
        "incorrect_code": _("That is not the code we sent. Please check it and try again."),
        "rate_limited": _("Please wait a minute before asking for another code."),
        "too_many_login_attempts": _("Too many codes were asked for. Please wait a minute and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def format_email_subject(self, subject: str) -> str:
        return subject
