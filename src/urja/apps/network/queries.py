"""Queries on service points: numbers, transformers and areas."""

from collections.abc import Iterable

from django.db import connection

from urja.apps.network.models import Premise, ServicePoint


def consumer_numbers(service_point_ids: Iterable[int]) -> dict[int, str]:
    """Return the consumer number of each service point."""
    points = ServicePoint.objects.filter(id__in=list(service_point_ids))
    return dict(points.values_list("id", "consumer_number"))


def service_points_numbered(consumer_numbers: Iterable[str]) -> list[int]:
    """Return the service points with these consumer numbers; unknown numbers are left out."""
    return list(
        ServicePoint.objects.filter(consumer_number__in=list(consumer_numbers)).values_list("id", flat=True)
    )


def premise_of(code: str) -> int | None:
    """Return the premise with a code, or None."""
    return Premise.objects.filter(code=code).values_list("id", flat=True).first()


def transformers_of(service_point_ids: Iterable[int]) -> dict[int, str]:
    """Return the code of the transformer that feeds each service point; unknown ones are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT service_point_id, transformer FROM network_fed_by WHERE service_point_id = ANY(%s)",
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())


def areas_of(service_point_ids: Iterable[int]) -> dict[int, str]:
    """Return the administrative node of each service point, such as `section North-2`; others are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.service_point_id, n.level || ' ' || n.code FROM network_placement p"
            " JOIN network_node n ON n.id = p.node_id"
            " WHERE p.tree = 'administration' AND p.valid_to IS NULL AND p.service_point_id = ANY(%s)",
            [list(service_point_ids)],
        )
        return dict(cursor.fetchall())


def known_areas(names: Iterable[str]) -> set[str]:
    """Return which of these names, such as `section North-2`, are nodes of the administration."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.level || ' ' || n.code FROM network_node n"
            " WHERE n.tree = 'administration' AND n.level || ' ' || n.code = ANY(%s)",
            [list(names)],
        )
        return {name for (name,) in cursor.fetchall()}
