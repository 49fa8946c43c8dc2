"""The two forms of signing in, with labels of our own and what phones need to fill them in."""

from allauth.account.forms import ConfirmLoginCodeForm, RequestLoginCodeForm
from allauth.core import context
from django import forms
from django.utils.translation import gettext_lazy as _

from urja.web.shared import sign_in
from urja.web.shared.ledger_words import too_soon


def _describe_errors(form: forms.Form, name: str) -> None:
    """Tie an invalid field to its message, for those who hear the page."""
    if form.is_bound and form.errors.get(name):
        form.fields[name].widget.attrs.update({"aria-invalid": "true", "aria-describedby": f"{name}-error"})


class RequestCodeForm(RequestLoginCodeForm):
    """Where to send a code."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = forms.EmailField(
            label=_("E-mail address"),
            error_messages={
                "required": _("Please enter your e-mail address."),
                "invalid": _("Please enter a complete e-mail address, such as asha@example.org."),
            },
            widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email", "autofocus": True}),
        )

    def clean_email(self) -> str:
        email = super().clean_email()
        wait_s = sign_in.ask(context.request, email, self._user)
        if wait_s:
            raise forms.ValidationError(too_soon(wait_s))
        return str(email)

    def full_clean(self) -> None:
        super().full_clean()
        _describe_errors(self, "email")


class ConfirmCodeForm(ConfirmLoginCodeForm):
    """The code that came."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = forms.CharField(
            label=_("Sign-in code"),
            error_messages={"required": _("Please enter the code we sent you.")},
            widget=forms.TextInput(
                attrs={
                    "autocomplete": "one-time-code",
                    "inputmode": "numeric",
                    "maxlength": "12",
                    "spellcheck": "false",
                    "autofocus": True,
                }
            ),
        )

    def full_clean(self) -> None:
        super().full_clean()
        _describe_errors(self, "code")
