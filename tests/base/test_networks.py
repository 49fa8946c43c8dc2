"""Networks of IP addresses."""

from urja.base.ip_networks import NOWHERE, network_of


def test_networks():
    assert network_of("10.1.2.3") == network_of("::ffff:10.1.2.200") == "10.1.2.0/24"
    assert network_of("10.1.3.3") != network_of("10.1.2.3")
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:ffff::9") == "2001:db8:1::/48"
    assert network_of("fe80::1%eth0") == "fe80::/48"


def test_what_is_no_address_is_nowhere():
    assert network_of("gone") == network_of("") == network_of("300.1.1.1") == NOWHERE


def test_a_network_of_one_address_is_that_address():
    assert network_of("198.51.100.1", ipv4_bits=32) == "198.51.100.1"
    assert network_of("[2001:db8::1]", ipv6_bits=64) == "2001:db8::/64"
