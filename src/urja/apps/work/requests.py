"""What the web records of work orders: photographs."""

import hashlib
from datetime import datetime

from django.db import transaction

from urja.apps.work.errors import PhotoError
from urja.apps.work.models import MOST_PHOTOS, Photo, WorkOrder
from urja.apps.work.numbers import next_id
from urja.apps.work.photos import kind_of
from urja.base.ids import bucket_of


def add_photo(work_order_id: int, content: bytes, *, recorded_at: datetime, actor: str) -> Photo:
    """Keep a photograph of an unfinished order; the one that is there where it is the same.

    Raises PhotoError for what is no picture, too large, one too many, or of an order that has ended.
    """
    kind, digest = kind_of(content), hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        order = WorkOrder.objects.filter(id=work_order_id).first()
        if order is None or not order.unfinished:
            raise PhotoError(f"there is no unfinished work order {work_order_id}")
        known = Photo.objects.filter(work_order_id=work_order_id)
        same = known.filter(sha256=digest).first()
        if same is not None:
            return same
        if known.count() >= MOST_PHOTOS:
            raise PhotoError(f"work order {work_order_id} has {MOST_PHOTOS} photos already")
        return Photo.objects.create(
            id=next_id(bucket_of(work_order_id)),
            work_order_id=work_order_id,
            kind=kind,
            content=content,
            sha256=digest,
            recorded_at=recorded_at,
            actor=actor,
        )
