"""The verifier alone: no character of a signed URL can be changed, dropped or added."""

from __future__ import annotations

import string

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_emulator.refusals import Refusal
from aws_emulator.services.cloudfront.key_pairs import make_ecdsa_key, make_rsa_key, public_pem
from aws_emulator.services.cloudfront.signed_urls import Viewing, read_public_key, refuse_unsigned

URL = "https://d111111abcdef8.cloudfront.net/video/footage/a%20b+c_D-9~.mp4?size=large&t=10"
NOW = 1_790_000_000
ADDRESS = "203.0.113.9"
KINDS = (string.digits, string.ascii_lowercase, string.ascii_uppercase, "-_~+=/", "&?%.:")


@pytest.fixture(scope="module")
def keys():
    return {"K1RSA": make_rsa_key(), "K2ECDSA": make_ecdsa_key()}


@pytest.fixture(scope="module")
def links(keys, signer_of):
    """A link of every sort: canned and custom, by RSA and ECDSA."""
    custom = (
        f'{{"Statement":[{{"Resource":"{URL}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{NOW + 60}}},'
        f'"DateGreaterThan":{{"AWS:EpochTime":{NOW - 60}}},"IpAddress":{{"AWS:SourceIp":"203.0.113.0/24"}}}}}}]}}'
    )
    return [
        link
        for key_id, key in keys.items()
        for link in (
            signer_of(key_id, key).sign(URL, at=NOW, expires_s=60),
            signer_of(key_id, key).by_policy(URL, custom),
        )
    ]


def is_let_in(link: str, keys, address: str = ADDRESS, now: float = NOW) -> bool:
    url, _, query = link.partition("?")
    public = {key_id: key.public_key() for key_id, key in keys.items()}
    try:
        refuse_unsigned(Viewing(url, query, address, now), public)
    except Refusal:
        return False
    return True


def test_what_was_signed_is_let_in(links, keys):
    assert all(is_let_in(link, keys) for link in links)


def test_no_character_can_be_changed_at_any_position(links, keys):
    for link in links:
        for position, character in enumerate(link):
            for kind in KINDS:
                other = kind[(kind.find(character) + 1) % len(kind)]
                changed = link[:position] + other + link[position + 1 :]
                assert not is_let_in(changed, keys), f"{character!r} at {position} became {other!r}: {changed}"


def test_no_character_can_be_dropped_doubled_or_swapped(links, keys):
    for link in links:
        for at in range(len(link)):
            forged = {
                link[:at] + link[at + 1 :],
                link[: at + 1] + link[at:],
                link[:at] + link[at : at + 2][::-1] + link[at + 2 :],
                link[:at],
            } - {link}
            assert not any(is_let_in(one, keys) for one in forged), f"at {at} of {link}"


@settings(deadline=None, max_examples=200)
@given(query=st.text(max_size=80), which=st.integers(0, 3))
def test_nothing_that_is_added_lets_anybody_in_or_breaks_the_verifier(links, keys, query, which):
    assert not is_let_in(f"{links[which]}&{query}", keys)
    assert not is_let_in(f"{URL}&{query}", keys)


def test_time_and_address_decide_for_a_custom_policy(links, keys):
    for canned, custom in (links[:2], links[2:]):
        assert is_let_in(canned, keys, now=NOW + 59.9)
        assert not is_let_in(canned, keys, now=NOW + 60)
        assert is_let_in(custom, keys, now=NOW - 60)
        assert not is_let_in(custom, keys, now=NOW - 60.1)
        assert not is_let_in(custom, keys, now=NOW + 60)
        assert is_let_in(custom, keys, address="::ffff:203.0.113.200")
        assert not is_let_in(custom, keys, address="203.0.114.1")
        assert not is_let_in(custom, keys, address="2001:db8::1")


def test_each_key_signs_for_its_own_id_alone(links, keys):
    swapped = dict(zip(keys, reversed(keys.values()), strict=True))
    assert not any(is_let_in(link, swapped) for link in links)
    assert not any(is_let_in(link, {}) for link in links)


def test_a_public_key_that_cloudfront_would_not_take_is_refused():
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    unusable = [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())]
    for key in unusable:
        with pytest.raises(ValueError, match="RSA of 2048 bits or ECDSA on the curve P-256"):
            read_public_key(public_pem(key))
    with pytest.raises(ValueError, match="not PEM-encoded"):
        read_public_key("ssh-rsa AAAA")
    good = public_pem(make_ecdsa_key())
    assert read_public_key(good) == load_pem_public_key(good.encode())
