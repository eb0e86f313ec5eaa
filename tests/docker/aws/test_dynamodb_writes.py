from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto.dynamodb.models.table import Table

from aws_emulator.application import Emulator
from aws_emulator.server import Server


@pytest.fixture
def slow_table(monkeypatch):
    """Makes clients of a table in this process that takes its time between reading an item and writing it."""
    read = Table.get_item

    def read_slowly(self, *args, **kwargs):
        item = read(self, *args, **kwargs)
        time.sleep(0.05)
        return item

    monkeypatch.setattr(Table, "get_item", read_slowly)
    name = f"races-{uuid.uuid4().hex[:8]}"
    server = Server(Emulator(), "127.0.0.1", 0)
    server.start()

    def slow_table():
        session = boto3.Session("test", "test", region_name="us-east-1")
        return session.resource("dynamodb", endpoint_url=server.url).Table(name)

    slow_table().meta.client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield slow_table
    server.stop()


def test_of_many_conditional_writes_at_once_one_succeeds(slow_table):
    start = threading.Barrier(6)

    def create(writer: int) -> bool:
        table = slow_table()
        start.wait()
        try:
            table.put_item(Item={"id": "a", "writer": writer}, ConditionExpression="attribute_not_exists(id)")
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(create, range(6))) == 1


def test_no_addition_is_lost(slow_table):
    start = threading.Barrier(6)

    def add(_: int) -> None:
        table = slow_table()
        start.wait()
        table.update_item(Key={"id": "a"}, UpdateExpression="ADD visits :one", ExpressionAttributeValues={":one": 1})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    assert slow_table().get_item(Key={"id": "a"})["Item"]["visits"] == 6
