"""docs/loading.md names every field of every kind, every check, and a map that can be followed."""

import re
from pathlib import Path

from urja.usecases.loading import KINDS, parse

DOC = (Path(__file__).parents[3] / "docs" / "loading.md").read_text("utf-8")


def test_every_field_is_described():
    for kind in KINDS.values():
        section = DOC.split(f"### `{kind.name}`\n")[1].split("\n### ")[0]
        rows = re.findall(
            r"^\| `(\w+)` \| (.+?)(?: \(only with `system`\))? \| (.*?) ?\|$", section, re.MULTILINE
        )
        expected = [
            (
                one.name,
                one.help,
                "required" if one.required else "" if one.default is None else f"`{one.default}`",
            )
            for one in kind.fields
        ]
        assert rows == expected, kind.name


def test_every_check_is_described(database):
    from urja.usecases import registry_checks

    section = DOC.split("## Index checks")[1].split("\n## ")[0]
    assert set(registry_checks.CHECK_NAMES) == set(re.findall(r"`(\w+)`(?=[^|]* \| )", section)) - {"utility"}


def test_the_map_can_be_followed():
    the_map = parse(DOC.split("```toml\n")[1].split("```")[0])
    assert the_map.kind.name == "consumers"
    assert the_map.column_of("tariff_code") == "Tariff"
