"""Work orders move forward and end once; photographs are images, small, and few."""

import struct
import threading
import zlib
from datetime import timedelta

import psycopg
import pytest
from tests.apps.town import START, adopt
from tests.conftest import begun_with

HOUR = timedelta(hours=1)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20) + b"\xff\xd9"


def png(side=1):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def adopted(database):
    return adopt(1)


database, home = begun_with(adopted)


def weld(home, **asked):
    from urja.apps.work import operations

    return operations.report_weld(
        device_id=home.device_id, service_point_id=home.service_point_id, opened_at=START, asked=asked
    )


def to_the_place(home, kind="inspect", **more):
    from urja.apps.work import operations

    return operations.open_order(
        kind, service_point_id=home.service_point_id, opened_at=START, asked={}, **more
    )


def test_one_of_a_kind_is_unfinished_at_a_meter(home):
    from urja.apps.work import operations, queries

    first = weld(home, wh=1)
    assert weld(home, wh=2).id == first.id
    assert [order.asked for order in queries.open_at(home.service_point_id)] == [{"wh": 1}]
    assert operations.close(first.id, START + HOUR)
    assert not operations.close(first.id, START + HOUR)
    assert not operations.withdraw(first.id, START + HOUR, "too late")
    assert weld(home, wh=3).id != first.id


def test_one_of_a_kind_is_unfinished_at_a_place_without_a_meter(home):
    first = to_the_place(home)
    assert to_the_place(home).id == first.id
    assert to_the_place(home, "install").id != first.id
    assert to_the_place(home, device_id=home.device_id).id != first.id


def test_it_is_assigned_and_assigned_again(home):
    from django.contrib.auth import get_user_model

    from urja.apps.work import operations

    fitters = [get_user_model().objects.create(username=name) for name in ("anil", "bina")]
    order = weld(home)
    for fitter in fitters:
        assert operations.assign(order.id, fitter.id)
        order.refresh_from_db()
        assert order.assignee_id == fitter.id
    assert operations.close(order.id, START + HOUR, {"note": "a wire"})
    assert not operations.assign(order.id, fitters[0].id)
    order.refresh_from_db()
    assert (order.state, order.done, order.result) == ("done", True, {"note": "a wire"})


@pytest.mark.parametrize(
    ("end", "change", "says"),
    [
        ("done", "state = 'open', closed_at = NULL", "is done: it does not change"),
        ("withdrawn", "result = '{\"note\": 1}'", "is withdrawn: it does not change"),
        (None, "asked = '{\"note\": 1}'", "stays as it was given"),
        (None, "kind = 'magnet'", "stays as it was given"),
        ("assigned", "state = 'open'", "does not become open"),
    ],
)
def test_the_database_refuses_a_step_back(database, home, end, change, says):
    order = weld(home)
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO auth_user (id, username, password, is_superuser, is_staff, is_active, "
            "first_name, last_name, email, date_joined) VALUES (99, 'f', '', false, false, true, '', '', '', now())"
        )
        if end:
            closed = None if end == "assigned" else START
            connection.execute(
                "UPDATE work_order SET state = %s, closed_at = %s, assignee_id = 99 WHERE id = %s",
                [end, closed, order.id],
            )
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=says):
            connection.execute(f"UPDATE work_order SET {change} WHERE id = %s", [order.id])


def test_the_web_reads_orders_and_adds_photographs_and_no_more(database, home):
    from urja.apps.work import requests

    order = weld(home)
    requests.add_photo(order.id, JPEG, recorded_at=START, actor="anil")
    with database.connect("urja_web") as connection:
        assert connection.execute("SELECT state FROM work_order").fetchall() == [("open",)]
        connection.execute(
            "INSERT INTO work_photo (id, work_order_id, kind, content, sha256, recorded_at, actor) "
            "VALUES (nextval('work_number'), %s, 'image/png', %s, 'x', now(), 'web')",
            [order.id, png()],
        )
        for statement in (
            "UPDATE work_order SET closed_at = now()",
            "INSERT INTO work_order SELECT * FROM work_order",
            "DELETE FROM work_photo",
            "UPDATE work_photo SET actor = 'x'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


class TestPhotos:
    @pytest.mark.parametrize(
        ("content", "kind"), [(JPEG, "image/jpeg"), (JPEG + bytes(3), "image/jpeg"), (png(), "image/png")]
    )
    def test_pictures_are_taken(self, home, content, kind):
        from urja.apps.work import queries, requests

        order = weld(home)
        photo = requests.add_photo(order.id, content, recorded_at=START, actor="anil")
        assert (photo.kind, bytes(queries.photo(photo.id).content)) == (kind, content)
        assert requests.add_photo(order.id, content, recorded_at=START, actor="anil").id == photo.id
        assert [one.id for one in queries.photos_of(order.id)] == [photo.id]

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "the file is empty"),
            (b"<html><script>alert(1)</script></html>", "a JPEG or a PNG image"),
            (b"GIF89a" + bytes(30), "a JPEG or a PNG image"),
            (JPEG[:-2], "the image is incomplete"),
            (png()[:-4], "the image is incomplete"),
            (JPEG[:4] + bytes(2 * 1024 * 1024) + JPEG[-2:], "at most 2048 kB, not 2048"),
        ],
    )
    def test_others_are_refused_in_a_sentence(self, home, content, says):
        from urja.apps.work import requests
        from urja.apps.work.errors import PhotoError

        order = weld(home)
        with pytest.raises(PhotoError, match=says):
            requests.add_photo(order.id, content, recorded_at=START, actor="anil")

    def test_the_database_refuses_what_a_web_server_forgets_to(self, database, home):
        order = weld(home)
        insert = (
            "INSERT INTO work_photo (id, work_order_id, kind, content, sha256, recorded_at, actor) "
            "VALUES (1, %s, 'image/jpeg', %s, 'x', now(), 'web')"
        )
        with database.connect("urja_web") as connection:
            for content, constraint in (
                (b"<html>", "work_photo_is_a_picture"),
                (JPEG + bytes(2 * 1024 * 1024), "work_photo_is_small"),
            ):
                with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
                    connection.execute(insert, [order.id, content])

    def test_eight_are_enough_and_none_comes_after_the_end(self, home):
        from urja.apps.work import operations, requests
        from urja.apps.work.errors import PhotoError

        order = weld(home)
        for number in range(8):
            requests.add_photo(order.id, png(number + 1), recorded_at=START, actor="anil")
        with pytest.raises(PhotoError, match="already has 8 photos"):
            requests.add_photo(order.id, JPEG, recorded_at=START, actor="anil")
        other = to_the_place(home)
        operations.withdraw(other.id, START, "no need")
        with pytest.raises(PhotoError, match="does not exist or has ended"):
            requests.add_photo(other.id, JPEG, recorded_at=START, actor="anil")


def test_two_who_close_one_order_close_it_once(database, home):
    from django.db import connections, transaction

    from urja.apps.work import operations

    order = weld(home)
    outcome = []

    def second():
        outcome.append(operations.close(order.id, START + HOUR))
        connections.close_all()

    with database.connect() as watcher, transaction.atomic():
        assert operations.close(order.id, START + HOUR)
        thread = threading.Thread(target=second)
        thread.start()
        while not watcher.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", [database.name]
        ).fetchone():
            assert thread.is_alive()
    thread.join()
    assert outcome == [False]
