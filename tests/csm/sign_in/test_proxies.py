"""Whose word on the address of a visitor is believed."""

import pytest
from django.test import RequestFactory

from csm.sign_in.proxies import client_address, network_of


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "found"),
    [
        # Nobody is believed unless told so.
        ([], "203.0.113.1", "198.51.100.1", "203.0.113.1"),
        (["10.0.0.0/8"], "203.0.113.1", "198.51.100.1", "203.0.113.1"),
        (["10.0.0.0/8"], "10.0.0.2", "198.51.100.1", "198.51.100.1"),
        # What stands before the last stranger was written by whoever asks.
        (["10.0.0.0/8"], "10.0.0.2", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.2", "6.6.6.6, 198.51.100.1, 10.0.0.7", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.2", "6.6.6.6, junk, 10.0.0.7", "10.0.0.7"),
        (["10.0.0.0/8"], "10.0.0.2", "", "10.0.0.2"),
        (["10.0.0.0/8"], "::ffff:10.0.0.2", "2001:db8::5", "2001:db8::5"),
        (["unix"], "", "198.51.100.1", "198.51.100.1"),
        ([], "", "198.51.100.1", None),
    ],
)
def test_the_address_of_a_visitor(settings, trusted, peer, forwarded, found):
    settings.TRUSTED_PROXIES = trusted
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == found


def test_networks():
    assert network_of("203.0.113.1") == "203.0.113.1"
    assert network_of("2001:db8::1:2:3:4") == "2001:db8::/64"
