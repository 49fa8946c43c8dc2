"""Tariffs are loaded, and the charges that change because of them are reported."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from urja.apps.billing.repricing import Repriced, charges_since, repriced
from urja.apps.contracts.queries import billed_as_another_commodity, terms_with_tariffs
from urja.apps.determinants.common_places import common_areas_above
from urja.apps.rulebook import operations as rulebook
from urja.apps.rulebook.models import TariffVersion
from urja.apps.rulebook.queries.tariffs import commons_of
from urja.core.rating import parse_tariff
from urja.usecases.errors import OtherCommodityError, UnsharedTariffError


def load_tariffs(
    texts: Sequence[str], loaded_at: datetime
) -> tuple[list[TariffVersion], dict[str, Repriced]]:
    """Store documents as versions of their tariffs; return them, and what the next close posts because of them, by
    currency.

    Raises as `rulebook.operations.load_tariff`, and OtherCommodityError where an agreement that supplies another
    commodity names the tariff, UnsharedTariffError where it shares common areas and an agreement that names it has no share.
    """
    documents = [parse_tariff(text) for text in texts]
    codes = sorted({document.code for document in documents})
    first = min(document.valid_from for document in documents)
    with transaction.atomic():
        before = charges_since(codes, first, loaded_at)
        stored = [rulebook.load_tariff(text, loaded_at) for text in texts]
        for number, code, priced, supplied in billed_as_another_commodity(loaded_at):
            if code in codes:
                raise OtherCommodityError(
                    f"tariff {code} is for {priced}, and the agreement of service point {number}, "
                    f"which supplies {supplied}, names it; give the document a code of its own"
                )
        _check_shares({document.code for document in documents if document.commons}, loaded_at)
        return stored, repriced(before, charges_since(codes, first, loaded_at), first)


_SHOWN: Final = 5
"""Consumer numbers that an error names."""


def _check_shares(codes: Collection[str], now: datetime) -> None:
    """Raise UnsharedTariffError where an agreement that names one of the tariffs has no share of common areas."""
    terms = terms_with_tariffs(codes, now) if codes else []
    above = common_areas_above({place for _, _, place, _ in terms})
    if outside := [(code, number) for number, code, place, _ in terms if place not in above]:
        raise UnsharedTariffError(
            f"tariff {outside[0][0]} shares common areas, and {_named(outside)} in no premise that has one; connect one there "
            "(new_connection, purpose common_area), or give the document a code of its own"
        )
    by_area = {code for code in codes if any(share == "area" for _, share in commons_of(code))}
    if lacking := [(code, number) for number, code, _, stated in terms if code in by_area and not stated]:
        raise UnsharedTariffError(
            f"tariff {lacking[0][0]} shares common areas by area, and {_named(lacking)} without a carpet area in the terms; state it "
            "first (change_load)"
        )


def _named(found: Sequence[tuple[str, str]]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    verb = "is" if len(found) == 1 else "are"
    return f"{', '.join(number for _, number in found[:_SHOWN])}{more} {verb}"
