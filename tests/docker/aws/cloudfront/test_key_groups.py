"""The control API of public keys and key groups, as far as a rotation needs it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from aws_emulator.services.cloudfront.key_pairs import make_ecdsa_key, private_pem


def refusal(call, **request) -> str:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"]


def test_only_the_public_half_of_a_usable_key_is_taken(cloudfront):
    config = {"CallerReference": "x", "Name": "x", "EncodedKey": private_pem(make_ecdsa_key())}
    assert refusal(cloudfront.create_public_key, PublicKeyConfig=config) == "InvalidArgument"


def test_a_group_holds_keys_that_exist_and_at_most_five(cloudfront, new_signer):
    for items, code in (
        (["KNOBODY"], "InvalidArgument"),
        ([new_signer().key_id for _ in range(6)], "TooManyPublicKeysInKeyGroup"),
    ):
        assert refusal(cloudfront.create_key_group, KeyGroupConfig={"Name": "x", "Items": items}) == code


def test_a_group_is_changed_only_by_who_saw_its_latest_version(new_edge):
    edge = new_edge()
    seen = edge.cloudfront.get_key_group(Id=edge.group)
    change = {"Id": edge.group, "KeyGroupConfig": {"Name": "renamed", "Items": [edge.signers[1].key_id]}}
    assert refusal(edge.cloudfront.update_key_group, **change) == "InvalidIfMatchVersion"
    changed = edge.cloudfront.update_key_group(**change, IfMatch=seen["ETag"])
    assert changed["KeyGroup"]["KeyGroupConfig"] == change["KeyGroupConfig"]
    assert refusal(edge.cloudfront.update_key_group, **change, IfMatch=seen["ETag"]) == "PreconditionFailed"


def test_what_is_in_use_is_not_deleted(new_edge):
    edge = new_edge()
    old = edge.signers[0]
    assert refusal(edge.cloudfront.delete_public_key, Id=old.key_id, IfMatch="x") == "PublicKeyInUse"
    edge.trust(edge.signers[1])
    edge.cloudfront.delete_public_key(Id=old.key_id, IfMatch="x")
    assert refusal(edge.cloudfront.get_public_key, Id=old.key_id) == "NoSuchPublicKey"
    etag = edge.cloudfront.get_key_group(Id=edge.group)["ETag"]
    assert refusal(edge.cloudfront.delete_key_group, Id=edge.group, IfMatch=etag) == "ResourceInUse"


def test_a_group_that_no_distribution_trusts_is_deleted(cloudfront, new_signer):
    made = cloudfront.create_key_group(KeyGroupConfig={"Name": "spare", "Items": [new_signer().key_id]})
    group = made["KeyGroup"]["Id"]
    cloudfront.delete_key_group(Id=group, IfMatch=made["ETag"])
    assert refusal(cloudfront.get_key_group, Id=group) == "NoSuchResource"
