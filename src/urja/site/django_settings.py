"""Django's settings, derived from `urja.site.django_options` and otherwise the same in every process."""

from importlib.util import find_spec
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from urja.site import django_options
from urja.web.settings import web_settings

_options = django_options.current()
_web = Path(__file__).resolve().parent.parent / "web"

SECRET_KEY = _options.secret_key
DEBUG = False
ALLOWED_HOSTS = list(_options.hosts)
CSRF_TRUSTED_ORIGINS = list(_options.trusted_origins)

URJA_APPS = [
    name
    for name in (
        "urja.apps.registry",
        "urja.apps.readings",
        "urja.apps.tariffs",
        "urja.apps.ledger",
        "urja.apps.notices",
        "urja.web.portal",
    )
    if find_spec(name) is not None
]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "django_htmx",
    *URJA_APPS,
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "urja.site.urls"
WSGI_APPLICATION = "urja.site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": _options.database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Everything inside is UTC; the utility's own zone is used in rating calendars and on screens.
USE_TZ = True
TIME_ZONE = "UTC"
URJA_TIMEZONE = _options.timezone
URJA_DEMO = _options.demo
URJA_CLOCK_ANCHOR = _options.clock_anchor

USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("hi", _("Hindi"))]
LOCALE_PATHS = [str(_web / "locale")]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _options.secure
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Logs are structlog's business (urja.base.log).
LOGGING_CONFIG = None

# How people sign in, what mail backend is used and what a browser is told is the web's to say.
globals().update(web_settings(secure=_options.secure, demo=_options.demo))
