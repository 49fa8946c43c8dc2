"""`urja meter-type load`: what it changes for meters that are there is shown before, and who loaded it is kept."""

from dataclasses import dataclass

import pytest
from click.testing import CliRunner
from tests.apps.town import adopt
from tests.cosem.meter_types import PROFILES, TYPE, write_type

from urja.base.settings import Settings
from urja.site import admin
from urja.site.cli.meter_type import meter_type
from urja.site.command_errors import CommandError, Exit

SECOND = TYPE.replace('version = "1"', 'version = "2"').replace("2026-01-01", "2026-05-01")


@dataclass
class StandInAdministration:
    clock: object
    settings = Settings()

    def setup_django(self):
        pass


@pytest.fixture
def run(database, stepped_clock, monkeypatch):
    monkeypatch.setattr(admin.Administration, "of", lambda data: StandInAdministration(stepped_clock))

    def invoke(*arguments):
        result = CliRunner().invoke(meter_type, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, CommandError | SystemExit), (
            result.exception
        )
        return result

    return invoke


def test_a_type_is_loaded_once(run, tmp_path):
    folder = write_type(tmp_path / "m7")
    done = run("load", folder)
    assert done.exception is None
    assert done.output.startswith("acme-m7-fw3 1 is in force from 2026-01-01 (sha256 ")
    again = run("load", folder)
    assert again.exception is None
    assert "loaded 2026" in again.output
    assert "by urja meter-type load (" in again.output
    listed = run("list").output.splitlines()
    assert listed[0].startswith("shipped: urja-d1, ")
    assert [line.split(",")[0] for line in listed[1:]] == ["acme-m7-fw3 1 from 2026-01-01"]


def test_what_cannot_be_loaded_says_why(run, tmp_path):
    folder = write_type(tmp_path / "m7", type=TYPE.replace("900", "7"))
    refused = run("load", folder).exception
    assert (refused.code, "type.toml: interval_s: is 7" in str(refused)) == (Exit.USAGE, True)
    shipped = run("load", write_type(folder, type=TYPE.replace("acme-m7-fw3", "urja-d1"))).exception
    assert "is shipped with Urja" in str(shipped)
    run("load", write_type(folder))
    other = run("load", write_type(folder, type=TYPE.replace("Acme M7", "Acme"))).exception
    assert "version '1' of meter type 'acme-m7-fw3' is loaded with other files" in str(other)
    assert len(run("list").output.splitlines()) == 2


def test_what_meters_that_are_there_would_be_read_by_is_asked(run, tmp_path):
    """A version that reads the same bytes as ten times the energy is seen before it is in force."""
    run("load", write_type(tmp_path / "1"))
    adopt(1, device_type="acme-m7-fw3", interval_s=900)
    ten_times = PROFILES.replace('scaler = -3, unit = "Wh"', 'scaler = -2, unit = "Wh"')
    folder = write_type(tmp_path / "2", type=SECOND, profiles=ten_times)
    before = "import_vah*10^-3 voltage*10^-3 import_wh*10^"
    refused = run("load", folder)
    assert (refused.exception.code, "--yes" in str(refused.exception)) == (Exit.FAILED, True)
    assert refused.output.splitlines() == [
        "1 meter of type acme-m7-fw3 will be read by version 2 from 2026-05-01:",
        f"  pushes.block: {before}-3 becomes {before}-2",
    ]
    assert len(run("list").output.splitlines()) == 2
    done = run("load", "--yes", folder)
    assert done.exception is None
    assert "acme-m7-fw3 2 is in force from 2026-05-01" in done.output
    # What is loaded already asks for nothing.
    assert run("load", folder).exception is None
