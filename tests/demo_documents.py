"""The demonstration's own tariffs and calendar, for tests of any part."""

from importlib import resources


def town_document(code: str) -> str:
    """Return the text of one of the town's documents."""
    return (resources.files("urja.demo") / "documents" / f"{code}.toml").read_text("utf-8")


def load_town_tariffs(*codes: str, recorded_at):
    """Store the town's calendar, and tariffs of the town by code."""
    from zoneinfo import ZoneInfo

    from urja.apps.rulebook.operations import load_tariff
    from urja.usecases.calendars import load_calendar

    load_calendar(
        town_document("town-tod"), zone=ZoneInfo("Asia/Kolkata"), recorded_at=recorded_at, actor="test"
    )
    for code in codes:
        load_tariff(town_document(code), recorded_at)
