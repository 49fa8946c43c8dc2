"""Numbers of service points, by which transformer and in which area they are."""

from collections.abc import Iterable

from django.db import connection

from urja.apps.network.models import Premise, ServicePoint


def consumer_numbers(service_point_ids: Iterable[int]) -> dict[int, str]:
    """The consumer number of each service point."""
    places = ServicePoint.objects.filter(id__in=list(service_point_ids))
    return dict(places.values_list("id", "consumer_number"))


def service_points_numbered(consumer_numbers: Iterable[str]) -> list[int]:
    """The service points that have these consumer numbers."""
    return list(
        ServicePoint.objects.filter(consumer_number__in=list(consumer_numbers)).values_list("id", flat=True)
    )


def premise_of(code: str) -> int | None:
    """The premise of a code."""
    return Premise.objects.filter(code=code).values_list("id", flat=True).first()


def transformers_of(service_point_ids: Iterable[int]) -> dict[int, str]:
    """The code of the transformer that feeds each service point; none where it is not known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT service_point_id, transformer FROM network_fed_by WHERE service_point_id = ANY(%s)",
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())


def areas_of(service_point_ids: Iterable[int]) -> dict[int, str]:
    """Level and code of the node that each service point belongs to in the administration; none where it has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.service_point_id, n.level || ' ' || n.code FROM network_placement p"
            " JOIN network_node n ON n.id = p.node_id"
            " WHERE p.tree = 'administration' AND p.valid_to IS NULL AND p.service_point_id = ANY(%s)",
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())
