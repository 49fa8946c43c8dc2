"""The stored heat values of gas."""

from functools import lru_cache
from importlib import resources

from django.db import connection

from urja.apps.rulebook.models import HeatValuesVersion
from urja.core.heat_values import HeatValues, parse_heat_values


@lru_cache(maxsize=4096)
def _parsed(sha256: str) -> HeatValues:
    """Return a stored document. Versions never change, so each is read and parsed once per process."""
    return parse_heat_values(
        HeatValuesVersion.objects.filter(sha256=sha256).values_list("text", flat=True)[0]
    )


def all_versions() -> list[HeatValues]:
    """Return every stored version in the order of loading: of several for a day the last one decides."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sha256 FROM rulebook_heat_values_version ORDER BY id")
        return [_parsed(sha256) for (sha256,) in cursor.fetchall()]


def bundled_heat_values() -> str:
    """Return the document shipped with Urja: the heat value of the demonstration's gas, until further notice."""
    folder = resources.files("urja.apps.rulebook") / "documents" / "heat-values"
    return (folder / "demo-gas.toml").read_text("utf-8")
