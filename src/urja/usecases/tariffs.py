"""Tariffs are loaded, and the charges that change because of them are reported."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from urja.apps.billing.repricing import Repriced, charges_since, repriced
from urja.apps.contracts.queries import billed_as_another_commodity
from urja.apps.rulebook import operations as rulebook
from urja.apps.rulebook.models import TariffVersion
from urja.core.rating import parse_tariff
from urja.usecases.errors import OtherCommodityError


def load_tariffs(
    texts: Sequence[str], loaded_at: datetime
) -> tuple[list[TariffVersion], dict[str, Repriced]]:
    """Store documents as versions of their tariffs; return them, and what the next close posts because of them, by
    currency.

    Raises as `rulebook.operations.load_tariff`, and OtherCommodityError where an agreement that supplies another
    commodity names the tariff.
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
        return stored, repriced(before, charges_since(codes, first, loaded_at), first)
