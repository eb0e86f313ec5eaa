from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.sources.addresses import checked_addresses, checked_url, shown, why_not_public
from include.sources.errors import ForbiddenUrl, SourceUnavailable

HOSTS = frozenset({"archive.org"})


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2600::1%eth0",
        "fec0::1",
        "ff02::1",
        "localhost",
        "",
        "0x7f.1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address):
    assert why_not_public(address)


@pytest.mark.parametrize("address", ["207.241.224.2", "8.8.8.8", "2620:0:861:ed1a::1", "::ffff:8.8.8.8", "100.128.0.1"])
def test_a_public_address_passes(address):
    assert why_not_public(address) is None


@given(st.ip_addresses())
def test_nothing_passes_that_python_knows_not_to_be_global(address):
    if why_not_public(str(address)) is None:
        plain = getattr(address, "ipv4_mapped", None) or address
        assert plain.is_global
        assert not plain.is_multicast
        assert not plain.is_reserved


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_its_ipv6_clothes(address):
    mapped = str(ipaddress.IPv6Address(f"::ffff:{address}"))
    assert why_not_public(mapped) == why_not_public(str(address))


def test_one_private_address_among_public_ones_refuses_the_name():
    with pytest.raises(ForbiddenUrl, match=r"media.archive.org resolves to 10.0.0.1, which is private"):
        checked_addresses("media.archive.org", 443, lambda *_: ["8.8.8.8", "10.0.0.1"])


def test_a_loopback_host_must_be_this_machine():
    assert checked_addresses("stand-in", 80, lambda *_: ["127.0.0.1", "::1"], loopback=True) == ["127.0.0.1", "::1"]
    with pytest.raises(ForbiddenUrl, match=r"8.8.8.8"):
        checked_addresses("stand-in", 80, lambda *_: ["8.8.8.8"], loopback=True)


def test_a_name_without_address_may_have_one_later():
    def fail(host, port):
        raise OSError("Name or service not known")

    for resolver in (fail, lambda *_: []):
        with pytest.raises(SourceUnavailable, match=r"archive.org has no address") as caught:
            checked_addresses("archive.org", 443, resolver)
        assert caught.value.retryable


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://archive.org/x", "not https"),
        ("ftp://archive.org/x", "not https"),
        ("file:///etc/passwd", "not https"),
        ("//archive.org/x", "not https"),
        ("https://archive.org:8443/x", "port 8443"),
        ("https://me@archive.org/x", "user name"),
        ("https://archive.org@evil.example/x", "user name"),
        ("https://evil.example/archive.org", "not on an allowed host"),
        ("https://notarchive.org/x", "not on an allowed host"),
        ("https://archive.org.evil.example/x", "not on an allowed host"),
        ("https://evil.example#.archive.org", "not on an allowed host"),
        ("https://evil.example?.archive.org", "not on an allowed host"),
        ("https://evil.example\\.archive.org/x", "no host name"),
        ("https://127.0.0.1/x", "not on an allowed host"),
        ("https://[::1]/x", "no host name"),
        ("https://2130706433/x", "not on an allowed host"),
        ("https:///x", "no host name"),
        ("https://archive.org/" + "a" * 9000, "longer than"),
        ("https://archive.org/\nx", "cannot be read"),
        ("https://archive.org:443443443/", "port 443443443"),
    ],
)
def test_a_url_that_is_not_allowed_is_refused_and_says_why(url, why):
    with pytest.raises(ForbiddenUrl, match=why):
        checked_url(url, HOSTS)


@pytest.mark.parametrize(
    "url", ["https://archive.org/a?b=c", "https://ia800500.us.archive.org/x", "https://ARCHIVE.org:443/"]
)
def test_an_allowed_host_and_what_lies_below_it_pass(url):
    assert checked_url(url, HOSTS)


def test_plain_http_is_for_the_loopback_host_and_its_port_alone():
    loopback = frozenset({"127.0.0.1:4570"})
    assert checked_url("http://127.0.0.1:4570/x", HOSTS, loopback)
    for url in ("http://127.0.0.1:4566/x", "http://127.0.0.1/x", "http://localhost:4570/x", "gopher://127.0.0.1:4570/"):
        with pytest.raises(ForbiddenUrl):
            checked_url(url, HOSTS, loopback)


@given(
    st.text(
        alphabet=st.sampled_from("https:/@.?#[]\\%0a1 archive.orgevil\u3002\u2100é\t"), min_size=0, max_size=60
    ).map(lambda tail: "https://" + tail)
)
def test_whatever_passes_goes_to_an_allowed_host(url):
    try:
        parsed = checked_url(url, HOSTS)
    except ForbiddenUrl:
        return
    host = parsed.raw_host.decode()
    assert host == "archive.org" or host.endswith(".archive.org")
    assert parsed.scheme == "https"
    assert httpx.URL(str(parsed)).raw_host == parsed.raw_host
    assert urlsplit(str(parsed)).hostname == host


@given(st.text(alphabet="abcXYZ0123456789", min_size=8, max_size=30))
def test_no_secret_of_a_url_is_shown(secret):
    assert secret not in shown(f"https://{secret}:{secret}@archive.org/x?key={secret}#{secret}")
