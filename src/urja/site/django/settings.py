"""Django's settings, derived from `urja.site.django.options` and otherwise the same in every process."""

from importlib.util import find_spec

from urja.site.django import options as django_options
from urja.web.settings import web_settings

_options = django_options.current()

SECRET_KEY = _options.secret_key
DEBUG = False
ALLOWED_HOSTS = list(_options.hosts)
CSRF_TRUSTED_ORIGINS = list(_options.trusted_origins)

URJA_APPS = [
    name
    for name in (
        "urja.apps.journal",
        "urja.apps.people",
        "urja.apps.network",
        "urja.apps.books",
        "urja.apps.rulebook",
        "urja.apps.sheets",
        "urja.apps.meter_types",
        "urja.apps.assets",
        "urja.apps.identity",
        "urja.apps.contracts",
        "urja.apps.approvals",
        "urja.apps.readings",
        "urja.apps.determinants",
        "urja.apps.billing",
        "urja.apps.maintenance",
        "urja.apps.statements",
        "urja.apps.proofs",
        "urja.apps.work",
        "urja.apps.commands",
        "urja.apps.commissioning",
        "urja.apps.meter_jobs",
        "urja.apps.notices",
        "urja.apps.payments",
        "urja.apps.bank",
        "urja.apps.counter",
        "urja.apps.supply",
        "urja.web.shared",
        "urja.web.portal",
        "urja.web.console",
        "urja.web.town",
        "urja.web.api",
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
    "allauth.mfa",
    "django_htmx",
    *URJA_APPS,
]
ROOT_URLCONF = "urja.site.django.urls"
WSGI_APPLICATION = "urja.site.django.wsgi.application"
DATABASES = {"default": _options.database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# UTC inside; the utility's time zone is used in rating calendars and on pages.
USE_TZ = True
TIME_ZONE = "UTC"
URJA_UTILITY = _options.utility
URJA_TIMEZONE = _options.timezone
URJA_CURRENCY = _options.currency
URJA_GAS_EMERGENCY_NUMBER = _options.gas_emergency_number
URJA_DEMO = _options.demo
URJA_STAFF_SECOND_FACTOR = _options.staff_second_factor
URJA_TOWN_CONTROL = _options.town_control
URJA_PUBLIC_ORIGIN = _options.public_origin
URJA_CLOCK_ANCHOR = _options.clock_anchor
URJA_PAYMENTS = _options.payments
URJA_CHANNELS = _options.channels

USE_I18N = True
LANGUAGE_CODE = "en"
STATIC_URL = "/static/"

# structlog configures logging (urja.base.log).
LOGGING_CONFIG = None

# Sign-in, mail backend and HTTP headers are settings of urja.web.
globals().update(
    web_settings(
        secure=_options.secure,
        demo=_options.demo,
        languages=_options.languages,
        trusted_proxies=_options.trusted_proxies,
        mail=_options.mail,
        mail_password=_options.mail_password,
    )
)
