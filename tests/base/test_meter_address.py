import pytest

from urja.base.meter_address import (
    GatewayLink,
    HdlcLinkAddress,
    SerialLink,
    WrapperAddress,
    hdlc_link_address,
    parse_meter_address,
    parse_serial_link,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.20.0.5:4059", WrapperAddress("10.20.0.5", 4059)),
        ("[::1]:4059", WrapperAddress("::1", 4059)),
        ("meter-7.example:4059", WrapperAddress("meter-7.example", 4059)),
        ("tcp://10.20.0.9:4060?address=17", HdlcLinkAddress(GatewayLink("10.20.0.9", 4060), 17, 2)),
        ("tcp://[::1]:4060?address=125", HdlcLinkAddress(GatewayLink("::1", 4060), 125, 2)),
        ("tcp://10.20.0.9:4060?address=256", HdlcLinkAddress(GatewayLink("10.20.0.9", 4060), 256, 4)),
        ("tcp://10.20.0.9:4060?address=17&bytes=4", HdlcLinkAddress(GatewayLink("10.20.0.9", 4060), 17, 4)),
        ("tcp://10.20.0.9:4060?bytes=1", HdlcLinkAddress(GatewayLink("10.20.0.9", 4060), None, 1)),
        ("serial:/dev/ttyUSB0?address=17", HdlcLinkAddress(SerialLink("/dev/ttyUSB0"), 17, 2)),
        (
            "serial:/dev/ttyS1?baud=19200&parity=even&address=16381",
            HdlcLinkAddress(SerialLink("/dev/ttyS1", 19_200, "even"), 16_381, 4),
        ),
    ],
)
def test_an_address_says_how_a_meter_is_reached(text, meant):
    assert parse_meter_address(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "host:port"),
        ("10.20.0.5", "host:port"),
        ("10.20.0.5:0", "host:port"),
        ("10.20.0.5:70000", "host:port"),
        ("::1:4059", "host:port"),
        ("http://10.20.0.5:80", "host:port"),
        ("tcp://10.20.0.9:4060", "address=16 to 16381"),
        ("tcp://10.20.0.9?address=17", "host:port"),
        ("tcp://me@10.20.0.9:4060?address=17", "host:port"),
        ("tcp://10.20.0.9:4060/17", "behind host and port"),
        ("tcp://10.20.0.9:4060?address=15", "address=16 to 16381"),
        ("tcp://10.20.0.9:4060?address=16383", "address=16 to 16381"),
        ("tcp://10.20.0.9:4060?address=-1", "address=16 to 16381"),
        ("tcp://10.20.0.9:4060?address=\u0661\u0667", "address=16 to 16381"),
        ("tcp://10.20.0.9:4060?address=200&bytes=2", "needs bytes=4"),
        ("tcp://10.20.0.9:4060?address=17&bytes=3", "bytes=1, 2 or 4"),
        ("tcp://10.20.0.9:4060?address=17&bytes=1", "no physical address"),
        ("tcp://10.20.0.9:4060?address=17&address=18", "said twice"),
        ("tcp://10.20.0.9:4060?baud=9600&address=17", "baud is not one of address, bytes"),
        ("serial:/etc/passwd?address=17", "a path such as /dev/ttyUSB0"),
        ("serial:/dev/../etc/passwd?address=17", "a path such as /dev/ttyUSB0"),
        ("serial:/dev/ttyUSB0?baud=9601&address=17", "baud is one of"),
        ("serial:/dev/ttyUSB0?parity=mark&address=17", "parity is one of"),
    ],
)
def test_a_wrong_address_is_refused_with_what_would_be_right(text, said):
    with pytest.raises(ValueError, match=said):
        parse_meter_address(text)


def test_a_link_and_a_physical_address_make_an_address():
    assert hdlc_link_address("tcp://10.20.0.9:4060", 17) == "tcp://10.20.0.9:4060?address=17"
    assert (
        hdlc_link_address("serial:/dev/ttyUSB0?baud=2400", 300) == "serial:/dev/ttyUSB0?baud=2400&address=300"
    )
    assert hdlc_link_address("tcp://10.20.0.9:4060?bytes=1", None) == "tcp://10.20.0.9:4060?bytes=1"
    for link, physical in (
        ("10.20.0.9:4060", 17),
        ("tcp://10.20.0.9:4060", None),
        ("tcp://10.20.0.9:4060", 3),
    ):
        with pytest.raises(ValueError, match=r"link|address"):
            hdlc_link_address(link, physical)


def test_a_serial_port_alone():
    assert parse_serial_link("serial:/dev/ttyS1?baud=2400") == SerialLink("/dev/ttyS1", 2400)
    for wrong in ("/dev/ttyS1", "tcp://10.20.0.9:4060", "serial:/dev/ttyS1?address=17"):
        with pytest.raises(ValueError, match="no serial port"):
            parse_serial_link(wrong)


def test_meters_behind_one_line_have_one_link():
    names = {
        parse_meter_address(text).link.name
        for text in ("serial:/dev/ttyUSB0?address=17", "serial:/dev/ttyUSB0?baud=2400&address=18")
    }
    assert names == {"serial:/dev/ttyUSB0"}
