"""The web's own Django settings, as values: `urja.site.django.settings` puts them over its own.

Nothing here reads the environment; what depends on the installation comes as arguments of `web_settings()`.
"""

from collections.abc import Sequence
from pathlib import Path

from django.utils.csp import CSP

from urja.apps.identity.kinds import CODE_EXPIRES_AFTER
from urja.base.settings import MailSettings

_WEB = Path(__file__).resolve().parent
DAY_S = 86_400
_OUTBOX = "urja.apps.notices.mail.OutboxBackend"
_RELAY = "urja.apps.notices.mail.RelayBackend"

MIDDLEWARE = [
    "urja.web.shared.client.believed",
    "urja.web.shared.middleware.correlated",
    "urja.web.shared.middleware.measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "urja.web.shared.middleware.without_device_rights",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "urja.web.shared.middleware.CsrfCookieOnce",
    "urja.web.shared.middleware.WithoutNul",
    "urja.web.shared.middleware.UserOfSession",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # A folder by name comes before the apps', so that allauth's pages are ours.
        "DIRS": [str(_WEB / "shared" / "templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "urja.web.shared.context.house",
            ],
        },
    }
]

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}
"""No inline script or style anywhere: what a page needs comes from `/static/`."""

_LANGUAGES = {"en": "English", "hi": "हिन्दी"}

_CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        # One table for all web processes: allauth counts sign-in attempts in the default cache.
        "LOCATION": "web_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

_SIGN_IN: dict[str, object] = {
    "AUTHENTICATION_BACKENDS": ["allauth.account.auth_backends.AuthenticationBackend"],
    "LOGIN_URL": "account_request_login_code",
    "LOGIN_REDIRECT_URL": "portal:home",
    "LOGOUT_REDIRECT_URL": "account_request_login_code",
    "ACCOUNT_ADAPTER": "urja.web.shared.sign_in_adapter.ConsumerAdapter",
    "ACCOUNT_LOGIN_METHODS": {"email"},
    "ACCOUNT_SIGNUP_FIELDS": ["email*"],
    "ACCOUNT_EMAIL_VERIFICATION": "none",  # the code itself proves the address
    # Strangers are not written to: `ConsumerAdapter.send_mail` takes the same steps for them.
    "ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS": True,
    "ACCOUNT_PREVENT_ENUMERATION": True,
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_LOGIN_BY_CODE_ENABLED": True,
    "ACCOUNT_LOGIN_BY_CODE_TIMEOUT": int(CODE_EXPIRES_AFTER.total_seconds()),
    "ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS": 3,
    "ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND": True,
    "ACCOUNT_RATE_LIMITS": {"request_login_code": None, "address_answer": "10/m/ip"},
    "ACCOUNT_FORMS": {
        "request_login_code": "urja.web.shared.sign_in_forms.RequestCodeForm",
        "confirm_login_code": "urja.web.shared.sign_in_forms.ConfirmCodeForm",
    },
    "ACCOUNT_REAUTHENTICATION_TIMEOUT": 900,
    "MFA_ADAPTER": "urja.web.shared.second_factor.FactorAdapter",
    "MFA_SUPPORTED_TYPES": ["totp", "webauthn", "recovery_codes"],
    "MFA_ALLOW_UNVERIFIED_EMAIL": True,  # the code of signing in has proved the address
    "MFA_FORMS": {
        "authenticate": "urja.web.shared.second_factor.SecondFactorForm",
        "reauthenticate": "urja.web.shared.second_factor.AgainForm",
        "activate_totp": "urja.web.shared.second_factor.AppForm",
        "add_webauthn": "urja.web.shared.second_factor.KeyForm",
    },
    "SESSION_COOKIE_AGE": 90 * DAY_S,
    "SESSION_ENGINE": "urja.web.shared.sessions",
}


def _cookies(*, secure: bool) -> dict[str, object]:
    values: dict[str, object] = {
        f"{cookie}_COOKIE_{attribute}": value
        for cookie in ("SESSION", "CSRF", "LANGUAGE")
        for attribute, value in (("SECURE", secure), ("HTTPONLY", True), ("SAMESITE", "Lax"))
    }
    values["LANGUAGE_COOKIE_AGE"] = 365 * DAY_S
    if secure:
        # The prefix makes a browser refuse such a cookie from any other host or path.
        values["SESSION_COOKIE_NAME"] = "__Host-session"
        values["CSRF_COOKIE_NAME"] = "__Host-csrf"
    return values


def _https() -> dict[str, object]:
    return {
        "SECURE_SSL_REDIRECT": True,
        "SECURE_REDIRECT_EXEMPT": [r"^healthz$", r"^readyz$", r"^metrics$"],
        "SECURE_HSTS_SECONDS": 365 * DAY_S,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    }


def _mailers(mail: MailSettings, password: str, *, demo: bool) -> dict[str, object]:
    if demo:
        return {"relay": {"BACKEND": _OUTBOX}}
    options = {
        "host": mail.host,
        "port": mail.port,
        "timeout": mail.timeout_s,
        "use_tls": mail.security == "starttls",
        "use_ssl": mail.security == "tls",
        "reply_to": mail.reply_to,
        **({"username": mail.username, "password": password} if password else {}),
    }
    return {"relay": {"BACKEND": _RELAY, "OPTIONS": options}}


def web_settings(
    *,
    secure: bool,
    demo: bool,
    languages: Sequence[str] = tuple(_LANGUAGES),
    trusted_proxies: Sequence[str] = (),
    mail: MailSettings | None = None,
    mail_password: str = "",
) -> dict[str, object]:
    """The web's Django settings.

    `secure`: people reach the site by TLS, so cookies say so and browsers are told to insist on it.
    `demo`: nothing is sent; messages go to a table that `/demo/outbox/` shows.
    `trusted_proxies`: networks of reverse proxies whose word about the client is taken.
    `mail`: the relay, in the pipeline alone, and `mail_password` of its login; a process without it can send no mail.
    """
    return {
        "MIDDLEWARE": MIDDLEWARE,
        "TEMPLATES": TEMPLATES,
        "CACHES": _CACHES,
        "STORAGES": {
            "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            "staticfiles": {"BACKEND": "urja.web.shared.static_storage.TaggedStorage"},
        },
        "LANGUAGES": [(code, name) for code, name in _LANGUAGES.items() if code in languages],
        "LOCALE_PATHS": [str(_WEB / "locale")],
        "CSRF_FAILURE_VIEW": "urja.web.shared.errors.csrf_failure",
        "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
        "X_FRAME_OPTIONS": "DENY",
        "SECURE_CSP": SECURE_CSP,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
        "WHITENOISE_USE_FINDERS": True,
        "WHITENOISE_AUTOREFRESH": False,
        "WHITENOISE_MAX_AGE": 30 * DAY_S,  # addresses are tagged by content
        **_SIGN_IN,
        **_cookies(secure=secure),
        **(_https() if secure else {}),
        "URJA_TRUSTED_PROXIES": tuple(trusted_proxies),
        "DEFAULT_FROM_EMAIL": (mail or MailSettings()).sender,
        "MAILERS": {} if mail is None else _mailers(mail, mail_password, demo=demo),
    }
