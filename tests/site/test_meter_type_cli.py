"""`urja meter-type check`, and what else takes a folder, as a person or a script calls it."""

import json

from tests.cosem.meter_types import TYPE, write_type
from tests.site.commands import urja

from urja.cosem import axdr
from urja.cosem.apdu import DataNotification
from urja.cosem.obis import Obis
from urja.meter.device_types import find_device_type


def test_check_says_all_that_is_wrong(tmp_path):
    good = write_type(tmp_path / "good")
    bad = write_type(tmp_path / "bad", type=TYPE.replace("900", "7").replace('"ACM"', '"A"'))
    done = urja("meter-type", "check", good, bad)
    assert done.returncode == 2
    assert (
        f"{good}: valid: acme-m7-fw3 1 from 2026-01-01, ACM firmware 3.1, 3.2: pushes instantaneous, alert, block"
        in done.stdout
    )
    assert f"{bad}: type.toml: interval_s: is 7: write 900, 1800 or 3600" in done.stdout
    assert f"{bad}: type.toml: manufacturer: is 'A'" in done.stdout
    told = json.loads(urja("meter-type", "check", "--json", good, bad).stdout)
    assert (told["faults"][str(good)], len(told["faults"][str(bad)])) == ([], 2)
    assert urja("meter-type", "check", good).returncode == 0


def test_decode_takes_a_folder(tmp_path):
    folder = write_type(tmp_path / "m7")
    push = find_device_type(str(folder)).pushes["block"]
    clock = bytes.fromhex("07ea030201090000000000ff")
    body = axdr.structure(
        axdr.octets(b"ACM00000001"), axdr.octets(bytes(Obis.parse(push.obis))), axdr.octets(clock),
        axdr.uint32(41_000), axdr.uint32(231_500), axdr.uint32(40_500),
    )  # fmt: skip
    frame = DataNotification(1, None, body).encode().hex()
    done = urja("decode", "--type", folder, frame)
    assert done.returncode == 0, done.stderr
    assert "40.500 Wh" in done.stdout
    assert "231.500 V" in done.stdout
    (tmp_path / "empty").mkdir()
    refused = urja("decode", "--type", tmp_path / "empty", frame)
    assert (refused.returncode, "type.toml: is missing" in refused.stderr) == (2, True)
    assert "there is no meter type 'acme'" in urja("decode", "--type", "acme", frame).stderr


def test_decode_knows_the_lists_of_the_type(tmp_path):
    lists = '[[list]]\nname = "ACM1"\nquantities = [{ obis = "1.0.1.7.0.255", scaler = 1, unit = "W" }]\n'
    folder = write_type(tmp_path / "m7", lists=lists)
    frame = DataNotification(1, None, axdr.structure(axdr.octets(b"ACM1"), axdr.uint16(42))).encode().hex()
    assert "420 W" in urja("decode", "--type", folder, frame).stdout
    assert "420 W" not in urja("decode", frame).stdout


def test_serve_says_what_is_wrong_with_a_folder(tmp_path):
    bad = write_type(tmp_path / "bad", type=TYPE.replace('"out"', '"up"'))
    done = urja("meter", "serve", "--type", bad, "--port", "0")
    assert (
        done.returncode,
        "type.toml: dials: invalid enum value 'up': write out or listen" in done.stderr,
    ) == (2, True)
