"""The writing side of the tariffs."""

from datetime import datetime

from django.db import transaction

from urja.apps.tariffs.errors import TariffConflictError, UnlikeVersionError
from urja.apps.tariffs.models import TariffVersion
from urja.core.rating import parse_tariff


def load_document(text: str, loaded_at: datetime) -> TariffVersion:
    """Store a document as a version of its tariff; loading the same text again changes nothing.

    Raises TariffError with every fault of the document, TariffConflictError where its code and version are taken
    by another text, UnlikeVersionError where the versions of the code have another calendar or currency. A version
    whose days are past is welcome: the next close posts the difference.
    """
    tariff = parse_tariff(text)
    for known in TariffVersion.objects.filter(code=tariff.code).order_by("id")[:1]:
        if why := tariff.unlike(parse_tariff(known.text)):
            raise UnlikeVersionError(tariff.code, tariff.version, why)
    fresh = TariffVersion(
        code=tariff.code,
        version=tariff.version,
        valid_from=tariff.valid_from,
        text=text,
        sha256=tariff.sha256,
        loaded_at=loaded_at,
    )
    with transaction.atomic():
        TariffVersion.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = TariffVersion.objects.get(code=tariff.code, version=tariff.version)
    if stored.sha256 != tariff.sha256:
        raise TariffConflictError(tariff.code, tariff.version)
    return stored
