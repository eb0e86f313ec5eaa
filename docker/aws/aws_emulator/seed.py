"""What a fresh local AWS holds: read from a YAML file, put in over the wire like anybody else would.

A resource that is missing is made, whole; one that is there is left as it is, whatever a user has changed in it.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from aws_emulator.clients import client_for
from aws_emulator.services.cloudfront.key_pairs import make_ecdsa_key, make_rsa_key, private_pem, public_pem

DEFAULT_SEED = Path(__file__).resolve().parents[1] / "seed.yaml"
DEFAULT_PREFIX = "media"


def read_seed(path: Path, prefix: str = DEFAULT_PREFIX) -> dict[str, Any]:
    """Read a seed, ``{prefix}`` in it replaced. Raises ``OSError`` or ``yaml.YAMLError``."""
    return yaml.safe_load(path.read_text(encoding="utf-8").replace("{prefix}", prefix))


class Seeder:
    """Puts a seed into the AWS at ``endpoint_url``."""

    def __init__(self, endpoint_url: str, access_key: str, secret_key: str, region: str) -> None:
        self._region = region
        self._clients: dict[str, Any] = {
            name: client_for(name, endpoint_url, access_key, secret_key, region)
            for name in ("s3", "sqs", "sns", "events", "ssm", "dynamodb", "cloudfront", "secretsmanager")
        }

    def plant(self, seed: dict[str, Any]) -> list[str]:
        """Make what is missing; return its names, so an empty list means that all was there."""
        makers: tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...] = (
            ("buckets", self._make_bucket),
            ("tables", self._make_table),
            ("parameters", self._make_parameter),
            ("queues", self._make_queue),
            ("topics", self._make_topic),
            ("rules", self._make_rule),
            ("signing", self._make_signing),
            ("distributions", self._make_distribution),
        )
        return [item["name"] for kind, make in makers for item in seed.get(kind, []) if make(item)]

    def _make_bucket(self, item: dict[str, Any]) -> bool:
        s3 = self._clients["s3"]
        try:
            s3.head_bucket(Bucket=item["name"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise
        else:
            return False
        elsewhere = (
            {"CreateBucketConfiguration": {"LocationConstraint": self._region}} if self._region != "us-east-1" else {}
        )
        s3.create_bucket(Bucket=item["name"], **elsewhere)
        if item.get("versioning"):
            s3.put_bucket_versioning(Bucket=item["name"], VersioningConfiguration={"Status": "Enabled"})
        if item.get("eventbridge"):
            s3.put_bucket_notification_configuration(
                Bucket=item["name"], NotificationConfiguration={"EventBridgeConfiguration": {}}
            )
        return True

    def _make_table(self, item: dict[str, Any]) -> bool:
        indices = item.get("indices", [])
        attributes = {name for keys in (item, *indices) for name in (keys["hash"], keys.get("range")) if name}
        more = (
            {
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": index["name"],
                        "KeySchema": _key_schema(index),
                        "Projection": {"ProjectionType": "ALL"},
                    }
                    for index in indices
                ]
            }
            if indices
            else {}
        )
        return self._made(
            "dynamodb",
            "create_table",
            "ResourceInUseException",
            TableName=item["name"],
            BillingMode="PAY_PER_REQUEST",
            KeySchema=_key_schema(item),
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)],
            **more,
        )

    def _make_parameter(self, item: dict[str, Any]) -> bool:
        return self._made(
            "ssm",
            "put_parameter",
            "ParameterAlreadyExists",
            Name=item["name"],
            Type=item.get("type", "String"),
            Value=str(item["value"]),
            Overwrite=False,
        )

    def _make_queue(self, item: dict[str, Any]) -> bool:
        sqs = self._clients["sqs"]
        try:
            sqs.get_queue_url(QueueName=item["name"])
        except sqs.exceptions.QueueDoesNotExist:
            attributes = {name: str(value) for name, value in item.get("attributes", {}).items()}
            if "dead_letters" in item:
                redrive = {
                    "deadLetterTargetArn": self._queue_arn(item["dead_letters"]),
                    "maxReceiveCount": item["receives"],
                }
                attributes["RedrivePolicy"] = json.dumps(redrive)
            sqs.create_queue(QueueName=item["name"], Attributes=attributes)
            return True
        return False

    def _make_topic(self, item: dict[str, Any]) -> bool:
        sns = self._clients["sns"]
        pages = sns.get_paginator("list_topics").paginate()
        if any(topic["TopicArn"].rsplit(":", 1)[1] == item["name"] for page in pages for topic in page["Topics"]):
            return False
        arn = sns.create_topic(Name=item["name"])["TopicArn"]
        for queue in item.get("queues", []):
            sns.subscribe(
                TopicArn=arn, Protocol="sqs", Endpoint=self._queue_arn(queue), Attributes={"RawMessageDelivery": "true"}
            )
        return True

    def _make_rule(self, item: dict[str, Any]) -> bool:
        events = self._clients["events"]
        try:
            events.describe_rule(Name=item["name"])
        except events.exceptions.ResourceNotFoundException:
            events.put_rule(Name=item["name"], EventPattern=json.dumps(item["pattern"]))
            events.put_targets(
                Rule=item["name"], Targets=[{"Id": item["queue"], "Arn": self._queue_arn(item["queue"])}]
            )
            return True
        return False

    def _make_signing(self, item: dict[str, Any]) -> bool:
        """Make a key group of two fresh key pairs, and the secret: the first signs (AWSCURRENT), the other is next."""
        cloudfront, secrets = self._clients["cloudfront"], self._clients["secretsmanager"]
        group = self._key_group(item["name"])
        known = self._made("secretsmanager", "create_secret", "ResourceExistsException", Name=item["secret"])
        if group is not None and not known:
            return False
        pairs = []
        for kind, private_key in (("rsa", make_rsa_key()), ("ecdsa", make_ecdsa_key())):
            name = f"{item['name']}-{kind}-{uuid.uuid4().hex[:8]}"
            config = {"CallerReference": name, "Name": name, "EncodedKey": public_pem(private_key)}
            key_id = cloudfront.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"]
            pairs.append({"key_pair_id": key_id, "private_key": private_pem(private_key)})
        members: dict[str, Any] = {"Name": item["name"], "Items": [pair["key_pair_id"] for pair in pairs]}
        if group is None:
            cloudfront.create_key_group(KeyGroupConfig=members)
        else:
            etag = cloudfront.get_key_group(Id=group)["ETag"]
            cloudfront.update_key_group(Id=group, IfMatch=etag, KeyGroupConfig=members)
        for stage, pair in zip(("AWSCURRENT", "AWSPENDING"), pairs, strict=True):
            secrets.put_secret_value(SecretId=item["secret"], SecretString=json.dumps(pair), VersionStages=[stage])
        return True

    def _make_distribution(self, item: dict[str, Any]) -> bool:
        groups = [self._key_group(item["key_group"])]
        return self._made(
            "cloudfront",
            "create_distribution",
            "DistributionAlreadyExists",
            DistributionConfig={
                "CallerReference": item["name"],
                "Comment": f"before {item['bucket']}",
                "Enabled": True,
                "Origins": {
                    "Quantity": 1,
                    "Items": [
                        {
                            "Id": item["bucket"],
                            "DomainName": f"{item['bucket']}.s3.{self._region}.amazonaws.com",
                            "S3OriginConfig": {"OriginAccessIdentity": ""},
                        }
                    ],
                },
                "DefaultCacheBehavior": {
                    "TargetOriginId": item["bucket"],
                    "ViewerProtocolPolicy": "allow-all",
                    "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": groups},
                },
            },
        )

    def _key_group(self, name: str) -> str | None:
        groups = self._clients["cloudfront"].list_key_groups()["KeyGroupList"].get("Items", [])
        ids = [item["KeyGroup"]["Id"] for item in groups if item["KeyGroup"]["KeyGroupConfig"]["Name"] == name]
        return ids[0] if ids else None

    def _queue_arn(self, name: str) -> str:
        sqs = self._clients["sqs"]
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def _made(self, service: str, operation: str, already_there: str, **request: Any) -> bool:
        try:
            getattr(self._clients[service], operation)(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] != already_there:
                raise
            return False
        return True


def _key_schema(keys: dict[str, Any]) -> list[dict[str, str]]:
    schema = [{"AttributeName": keys["hash"], "KeyType": "HASH"}]
    if "range" in keys:
        schema.append({"AttributeName": keys["range"], "KeyType": "RANGE"})
    return schema


def main(argv: list[str] | None = None) -> int:
    """Seed a local AWS that already runs."""
    parser = argparse.ArgumentParser(prog="python -m aws_emulator.seed", description=main.__doc__)
    parser.add_argument(
        "--endpoint-url", default="http://127.0.0.1:4566", help="where it listens (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=Path, default=DEFAULT_SEED, metavar="FILE", help="what to put in (default: seed.yaml)"
    )
    parser.add_argument("--prefix", default=DEFAULT_PREFIX, help="first part of every name (default: %(default)s)")
    parser.add_argument(
        "--credentials", default="test:test", metavar="ID:SECRET", help="to sign with (default: test:test)"
    )
    options = parser.parse_args(argv)
    try:
        seed = read_seed(options.seed, options.prefix)
        access_key, _, secret_key = options.credentials.partition(":")
        made = Seeder(options.endpoint_url, access_key, secret_key, seed["region"]).plant(seed)
    except (OSError, yaml.YAMLError, BotoCoreError, ClientError) as error:
        print(f"could not seed {options.endpoint_url} from {options.seed}: {error}", file=sys.stderr)
        return 1
    print(f"made {len(made)}: {', '.join(made)}" if made else "everything was there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
