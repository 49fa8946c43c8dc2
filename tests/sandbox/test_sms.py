"""The SMS service: messages accepted once, receipts late or never, by seed."""

from datetime import timedelta

import pytest
from tests.sandbox.conftest import open_post, signed

from urja.sandbox.sms.parts import parts_of

HINDI = "आपके खाते में ₹42 बचे हैं। कृपया रिचार्ज करें।"


def pass_time(post, **step):
    post.clock.advance(timedelta(**step))
    return post.service.tick(post.clock.now())


async def test_a_message_is_taken_and_its_receipt_comes(tmp_path, receiver):
    async with open_post(tmp_path, receiver.url) as post:
        taken = await post.send("+919812345678", "Balance 42", "N-1")
        assert (taken["status"], taken["parts"]) == ("accepted", 1)
        assert receiver.received == []

        pass_time(post, seconds=10)

        receipt = (await receiver.wait_for(1))[0]
        assert signed(receipt, "x-sandbox-signature")
        assert receipt.headers["x-sandbox-event-id"].startswith("evt_")
        assert receipt.event == {
            "event": "message.delivered",
            "id": taken["id"],
            "ref": "N-1",
            "to": "+919812345678",
            "status": "delivered",
            "at": int(post.clock.now().timestamp()),
        }
        assert (await post.api.get(f"/messages/{taken['id']}")).json()["status"] == "delivered"
        assert (await post.api.get("/messages/sms_unknown")).status_code == 404


async def test_a_repeated_message_is_sent_once(tmp_path, receiver):
    async with open_post(tmp_path, receiver.url) as post:
        first = await post.send("9812345678", "Balance 42", "N-1")
        assert await post.send("9812345678", "Balance 42", "N-1") == first
        await post.send("9812345678", "Balance 43", "N-1", 409)
        await post.send("9812345679", "Balance 42", "N-1", 409)
        assert len((await post.api.get("/messages")).json()["messages"]) == 1


@pytest.mark.parametrize(
    ("to", "text", "ref"),
    [
        ("12", "x", "N-1"),
        ("98123x5678", "x", "N-1"),
        ("9812345678", " ", "N-1"),
        ("9812345678", "x", ""),
        ("9812345678", "x" * 1001, "N-1"),
    ],
)
async def test_a_message_that_cannot_be_is_refused(tmp_path, receiver, to, text, ref):
    async with open_post(tmp_path, receiver.url) as post:
        await post.send(to, text, ref, 400)


async def test_receipts_come_late_or_never_by_seed(tmp_path, receiver):
    rates = {"late": 0.3, "never": 0.2, "fail": 0.2}
    fates = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with open_post(tmp_path / name, receiver.url, seed=3, messages=rates) as post:
            receiver.received.clear()
            for number in range(30):
                await post.send("9812345678", "Balance 42", f"N-{number}")
            soon = pass_time(post, seconds=10)
            later = pass_time(post, hours=7)
            rest = pass_time(post, days=30)
            shown = (await post.api.get("/messages", params={"count": 100})).json()["messages"]
            fates.append([row["fate"] for row in shown])
            await receiver.wait_for(soon + later)

    assert fates[0] == fates[1]
    many = {fate: fates[0].count(fate) for fate in ("usual", "late", "never", "fail")}
    assert min(many.values()) > 0
    assert (soon, later, rest) == (many["usual"] + many["fail"], many["late"], 0)
    assert receiver.names().count("message.failed") == many["fail"]
    assert {row["status"] for row in shown if row["fate"] == "never"} == {"accepted"}


async def test_the_page_shows_messages_to_people_and_json_to_programs(tmp_path, receiver):
    async with open_post(tmp_path, receiver.url) as post:
        await post.send("9812345678", HINDI, "N-1")
        await post.send("9800000000", "<b>Balance</b>", "N-2")
        html = {"accept": "text/html"}

        page = await post.api.get("/messages", headers=html)
        hindi = await post.api.get("/messages", headers=html, params={"lang": "hi"})
        one = await post.api.get("/messages", headers=html, params={"to": "9812345678"})
        newer = (await post.api.get("/messages", params={"after": "1"})).json()["messages"]

        assert HINDI in page.text
        assert "&lt;b&gt;Balance&lt;/b&gt;" in page.text
        assert "10:00:00" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert '<html lang="hi">' in hindi.text
        assert "9800000000" not in one.text
        assert [row["ref"] for row in newer] == ["N-2"]
        assert (await post.api.get("/messages", params={"count": "x"})).status_code == 400


async def test_no_answer_and_wrong_keys(tmp_path, receiver):
    async with open_post(tmp_path, receiver.url) as post:
        stranger = await post.api.post("/messages", json={}, auth=("a", "b"))
        assert stranger.status_code == 401
        await post.api.post("/control/mute")
        await post.send("9812345678", "x", "N-1", 503)
        await post.api.post("/control/unmute")
        await post.send("9812345678", "x", "N-1")


def test_a_text_is_counted_in_parts():
    assert [parts_of(text) for text in ("", "x" * 160, "x" * 161, "€" * 80, "€" * 81)] == [1, 1, 2, 1, 2]
    assert [parts_of(text) for text in (HINDI, "अ" * 70, "अ" * 71, "अ" * 135, "😀" * 36)] == [1, 1, 2, 3, 2]
