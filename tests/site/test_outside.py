"""Where the system of a demonstration is told to find the world outside."""

import msgspec

from urja.base.settings import Settings
from urja.demo.stand_ins import StandIns


def test_messages_name_the_portal_of_this_run():
    settings = Settings()
    settings = msgspec.structs.replace(settings, web=msgspec.structs.replace(settings.web, port=8123))
    known = StandIns(1, 2).known_to(settings)
    assert known.messages.recharge_at == f"{settings.web.host}:8123"
    assert known.messages.channels["sms"].options == {"base_url": "http://127.0.0.1:2"}
    assert msgspec.convert(msgspec.to_builtins(known), Settings) == known
