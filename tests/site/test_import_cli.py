"""`urja import` and `urja export` at the terminal: an example that loads, sentences, exit codes."""

import json
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from urja.base.settings import Settings
from urja.cosem.security import KekStore
from urja.site import admin
from urja.site.cli.export_file import export
from urja.site.cli.import_file import KIND_NAMES, import_file
from urja.site.command_errors import CommandError, Exit


@dataclass
class StandInAdministration:
    clock: object
    settings = Settings()
    keys = KekStore(bytes(range(16)))

    def setup_django(self):
        pass


@pytest.fixture
def run(database, stepped_clock, monkeypatch):
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs

    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, loaded_at=stepped_clock.now())
    monkeypatch.setattr(admin.Administration, "of", lambda data: StandInAdministration(stepped_clock))

    def invoke(command, *arguments, code=Exit.OK):
        result = CliRunner().invoke(command, [str(one) for one in arguments])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    return invoke


def test_the_kinds_of_the_command_line_are_those_that_there_are():
    from urja.usecases.loading import KINDS

    assert tuple(KINDS) == KIND_NAMES


def test_examples_load_and_go_out_again(run, tmp_path):
    for kind in KIND_NAMES:
        run(import_file, "--example", kind, "--to", tmp_path)
        file, the_map = tmp_path / f"{kind}.csv", tmp_path / f"{kind}.toml"
        assert "rows loaded (operation" in run(import_file, file, "--map", the_map)
        assert "nothing changed" in run(import_file, file, "--map", the_map)
        out = tmp_path / "out" / f"{kind}.csv"
        out.parent.mkdir(exist_ok=True)
        assert f"rows to {out}" in run(export, kind, out)
        assert "nothing changed" in run(import_file, out, "--map", out.with_suffix(".toml"))
    assert "guek" not in out.with_name("devices.csv").read_text().splitlines()[0]
    run(export, "devices", out.with_name("secret.csv"), "--with-keys")
    assert "000102030405060708090a0b0c0d0e0f" in out.with_name("secret.csv").read_text()
    # What is written names people, and may have keys.
    assert {out.with_name(name).stat().st_mode & 0o777 for name in (out.name, "secret.csv")} == {0o600}
    with pytest.raises(
        CommandError, match=r"names gak and guek and .*: keys are written only with --with-keys"
    ):
        run(export, "devices", out, "--map", tmp_path / "devices.toml")
    with pytest.raises(CommandError, match="is a map of devices, not of premises"):
        run(export, "premises", out, "--map", tmp_path / "devices.toml")
    with pytest.raises(CommandError, match="already exists"):
        run(import_file, "--example", "premises", "--to", tmp_path)
    run(export, "premises", tmp_path / "book", "--format", "xlsx")
    assert (tmp_path / "book.xlsx").read_bytes()[:2] == b"PK"


@pytest.fixture
def faulty(tmp_path):
    file, the_map = tmp_path / "p.csv", tmp_path / "p.toml"
    file.write_text("Code,Lat,Long,Remark\nA,26.8,80.9,\nB,north,80.9,\n")
    the_map.write_text('kind = "premises"\n[fields]\ncode = "Code"\nlatitude = "Lat"\nlongitude = "Long"\n')
    return file, "--map", the_map


def test_faults_are_said_written_and_nothing_is_loaded(run, faulty, tmp_path):
    faults = tmp_path / "faults.csv"
    said = run(import_file, *faulty, "--faults", faults, code=Exit.FAILED)
    assert said.splitlines() == [
        "not used: Remark",
        "row 3, Lat 'north': it is not a number of degrees; write decimal degrees from -90 to 90, such as 26.8467",
        f"1 of 2 rows have faults: {faults}",
        "nothing was loaded: correct the rows, or load the valid ones with --good-rows",
    ]
    assert faults.read_text().splitlines()[1].startswith("B,north,80.9,,3,")
    assert json.loads(run(import_file, *faulty, "--json", code=Exit.FAILED))["faulty"] == 1
    assert "1 rows loaded (operation" in run(import_file, *faulty, "--good-rows")


def test_a_dry_run_tells_and_changes_nothing(run, faulty):
    from urja.apps.network.models import Premise

    assert "1 rows would be loaded" in run(import_file, *faulty, "--good-rows", "--dry-run")
    assert Premise.objects.count() == 0


@pytest.mark.parametrize(
    ("file", "the_map", "sentence"),
    [
        ("Kode\n1\n", None, "p.csv has no column 'Code' (line 3 of the map)"),
        ("", None, "has no row 1 with the columns' names"),
        ("Code,Code,Lat\n", None, "two columns are called 'Code'"),
        ("Code,Lat,Long\n\xe9,1,1\n", None, "bytes that are not utf-8: say encoding in the map"),
        ("Code;Lat;Long\nA;1;1\n", None, 'separated by ;? Set delimiter = ";" in the map'),
        ("Code\tLat\tLong\nA\t1\t1\n", None, r'separated by \t? Set delimiter = "\t" in the map'),
        (
            "Premises of the North\nCode,Lat,Long\n",
            None,
            "Where the names are elsewhere, set header in the map",
        ),
        ("\xff\xfeC\x00", None, 'say encoding = "utf-16" in the map'),
        ("PK\x03\x04\xff\xff", None, "it is an Excel workbook: let its name end in .xlsx"),
        ('Code,Lat,Long\nA,1,1\n"B,1,1\nC,1,1\n', None, "row 3: a quote is opened and not closed"),
        ('Code,Lat,Long\n"' + "A" * 200_000 + '",1,1\n', None, "row 2: a quote is opened and not closed"),
        (
            ",".join(f"c{n}" for n in range(100_000)) + "\n",
            None,
            "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 and 99988 more",
        ),
        (",".join(["c"] * 100_000) + "\n", None, "two columns are called 'c': give one of them another name"),
        (
            None,
            'kind = "premises"\n[fields]\ncod = "Code"',
            "line 3: premises have no field cod; did you mean code?",
        ),
    ],
)
def test_what_cannot_be_read_is_a_refusal(run, faulty, file, the_map, sentence):
    if file is not None:
        faulty[0].write_bytes(file.encode("latin-1"))
    if the_map is not None:
        faulty[2].write_text(the_map)
    with pytest.raises(CommandError) as refused:
        run(import_file, *faulty)
    assert sentence in str(refused.value)
    assert refused.value.code is Exit.USAGE


def test_a_file_and_a_map_are_needed(run, faulty):
    with pytest.raises(CommandError, match="give a file and --map"):
        run(import_file, faulty[0])
    with pytest.raises(CommandError, match="names the file that is loaded"):
        run(import_file, *faulty, "--faults", faulty[0])
    text = faulty[0].with_suffix(".xlsx")
    text.write_text("no workbook")
    with pytest.raises(CommandError, match="is not an Excel workbook"):
        run(import_file, text, *faulty[1:])


def test_a_directory_that_is_not_there_is_no_place_for_an_export(run, tmp_path):
    with pytest.raises(
        CommandError, match="cannot be created, because its parent directory does not exist"
    ) as refused:
        run(export, "premises", tmp_path / "nowhere" / "premises.csv")
    assert refused.value.code is Exit.OS_ERROR
