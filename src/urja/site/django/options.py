"""Options of this process for Django, set before `urja.site.django.settings` is imported."""

import gc
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from urja.apps.notices.config import ChannelConfig
from urja.apps.payments.config import PaymentsConfig
from urja.base.garbage import no_collections
from urja.base.settings import MailSettings
from urja.site.django import list_parameters


@dataclass(frozen=True, slots=True)
class DjangoOptions:
    """Connection, keys and addresses of one process, which differ between installations."""

    conninfo: str = field(default="", repr=False)
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(50), repr=False)
    utility: str = "Urja"
    """Name of the utility, for the head of printed letters."""
    timezone: str = "UTC"
    currency: str = "INR"
    """Currency of amounts that belong to no account, such as the total debt of all accounts."""
    gas_emergency_number: str = ""
    """Telephone number to call where gas escapes; empty where the utility has stated none."""
    languages: tuple[str, ...] = ("en", "hi")
    """Languages that are offered."""
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    trusted_origins: tuple[str, ...] = ()
    public_origin: str = "http://localhost"
    """Public origin of the site; passkeys are bound to it."""
    staff_second_factor: bool = False
    """Whether staff have to give a second factor (`web.staff_second_factor`); on by default."""
    trusted_proxies: tuple[str, ...] = ()
    mail: MailSettings | None = None
    """The relay; None in a process that sends no mail, as all but the pipeline do."""
    mail_password: str = field(default="", repr=False)
    channels: tuple[ChannelConfig, ...] = ()
    secure: bool = False
    demo: bool = False
    town_control: Path | None = None
    """Unix socket of a demonstration's control (`urja.demo.town_control`); None in production."""
    clock_anchor: Path | None = None
    payments: PaymentsConfig | None = None
    connection_age_s: int = 60
    prepared: bool = False
    """Whether the database plans each statement once per connection, for processes that repeat a few statements.

    PostgreSQL would otherwise plan a statement again for each execution with an array of one element.
    """

    def database(self) -> dict[str, object]:
        """Return the entry of DATABASES; with an empty `conninfo` it cannot connect."""
        given = conninfo_to_dict(self.conninfo)
        planned: dict[str, object] = {}
        if self.prepared:
            asked = given.pop("options", "")
            planned = {
                "server_side_binding": True,
                "prepare_threshold": 3,
                "options": f"{asked} -c plan_cache_mode=force_generic_plan".strip(),
            }
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": given.pop("dbname", ""),
            "USER": given.pop("user", ""),
            "PASSWORD": given.pop("password", ""),
            "HOST": given.pop("host", ""),
            "PORT": str(given.pop("port", "")),
            "OPTIONS": {**given, **planned},
            "CONN_MAX_AGE": self.connection_age_s,
            "CONN_HEALTH_CHECKS": True,
        }


_current = DjangoOptions()


def current() -> DjangoOptions:
    """Return the options of this process; `django-admin` runs with the defaults."""
    return _current


def setup(options: DjangoOptions) -> None:
    """Configure Django for this process. Call it once, before any model is imported."""
    global _current  # noqa: PLW0603 - Django reads its settings from a module, once a process
    _current = options
    os.environ["DJANGO_SETTINGS_MODULE"] = "urja.site.django.settings"
    list_parameters.register()
    import django

    with no_collections():
        django.setup()
        # What is loaded stays: otherwise each search for garbage goes through it again.
        gc.freeze()
