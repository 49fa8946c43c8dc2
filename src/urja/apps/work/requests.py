"""Rows that the web stores for work orders: photographs."""

import hashlib
from datetime import datetime

from django.db import transaction

from urja.apps.work.errors import PhotoError
from urja.apps.work.models import MOST_PHOTOS, Photo, WorkOrder
from urja.apps.work.numbers import next_id
from urja.apps.work.photos import kind_of
from urja.base.ids import bucket_of


def add_photo(work_order_id: int, content: bytes, *, recorded_at: datetime, actor: str) -> Photo:
    """Store a photo (bytes) of an unfinished work order; one that is stored already is returned.

    Raises PhotoError for a file that is no image or too large, for one photo too many, or where the work order has
    ended.
    """
    kind, digest = kind_of(content), hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        order = WorkOrder.objects.filter(id=work_order_id).first()
        if order is None or not order.unfinished:
            raise PhotoError(f"work order {work_order_id} does not exist or has ended")
        known = Photo.objects.filter(work_order_id=work_order_id)
        same = known.filter(sha256=digest).first()
        if same is not None:
            return same
        if known.count() >= MOST_PHOTOS:
            raise PhotoError(
                f"work order {work_order_id} already has {MOST_PHOTOS} photos, the most that one may have"
            )
        return Photo.objects.create(
            id=next_id(bucket_of(work_order_id)),
            work_order_id=work_order_id,
            kind=kind,
            content=content,
            sha256=digest,
            recorded_at=recorded_at,
            actor=actor,
        )
