"""The one env file of the local stack, and what of the caller's environment reaches it."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from include.settings import Settings
from local_stack import environment
from local_stack.environment import parse_env_file, stack_variables

PORTS = {"local_aws_port": 14001, "local_sources_port": 14002, "airflow_port": 14003, "dashboard_port": 14004}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "a state", **PORTS)


@pytest.fixture
def variables(settings) -> dict[str, str]:
    return stack_variables(settings, caller={})


def test_every_placeholder_is_filled_in(variables):
    assert [name for name, value in variables.items() if "${" in value] == []


def test_every_address_is_on_loopback(variables):
    addresses = [value for name, value in variables.items() if value.startswith("http://")]
    assert addresses
    assert {urlsplit(address).hostname for address in addresses} == {"127.0.0.1"}


def test_no_default_port_is_left_when_all_are_moved(variables):
    for port in ("4566", "4570", "8080", "8501"):
        assert [name for name, value in variables.items() if f":{port}" in value] == []


def test_the_execution_api_and_the_ui_are_on_the_airflow_port(variables):
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:14003/execution/"
    assert variables["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:14003"


def test_the_aws_connection_points_to_the_local_aws(variables):
    connection = json.loads(variables["AIRFLOW_CONN_AWS_DEFAULT"])
    assert connection["extra"]["endpoint_url"] == "http://127.0.0.1:14001"
    assert connection["extra"]["config_kwargs"]["retries"]["mode"] == "standard"


def test_the_catalogue_connection_allows_its_own_loopback_port_and_no_other(variables):
    connection = json.loads(variables["AIRFLOW_CONN_INTERNET_ARCHIVE_DEFAULT"])
    assert connection["host"] == "http://127.0.0.1:14002"
    assert connection["extra"]["loopback_hosts"] == ["127.0.0.1:14002"]


def test_settings_read_back_from_the_variables_are_the_same(settings, variables):
    read = Settings.from_environment(variables)
    assert {name: getattr(read, name) for name in PORTS} == PORTS
    assert read.state_dir == settings.state_dir
    assert read.alerts_topic_arn == "arn:aws:sns:us-east-1:123456789012:media-alerts"


def test_the_database_is_sqlite_in_the_state_folder(settings, variables):
    expected = f"sqlite:///{settings.state_dir}/airflow/airflow.db"
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == expected


def test_the_callers_database_and_dags_folder_are_taken(settings):
    chosen = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://me@db/airflow",
        "AIRFLOW__CORE__DAGS_FOLDER": "/d",
    }
    variables = stack_variables(settings, caller=chosen)
    assert {name: variables[name] for name in chosen} == chosen


def test_the_callers_airflow_and_aws_account_never_reach_the_stack(settings):
    caller = {
        "AIRFLOW_HOME": "/srv/airflow",
        "AWS_PROFILE": "production",
        "AIRFLOW__SECRETS__BACKEND": "x",
        "HOME": "/h",
    }
    child = environment.without_foreign_settings(caller) | stack_variables(settings, caller)
    assert child["HOME"] == "/h"
    assert child["AIRFLOW_HOME"] == f"{settings.state_dir}/airflow"
    assert child["AWS_ACCESS_KEY_ID"] == "test"
    assert {"AWS_PROFILE", "AIRFLOW__SECRETS__BACKEND"}.isdisjoint(child)


def test_secrets_and_login_are_made_once_and_are_private(settings):
    first, second = stack_variables(settings, {}), stack_variables(settings, {})
    assert first == second
    assert len(base64.urlsafe_b64decode(first["AIRFLOW__CORE__FERNET_KEY"])) == 32
    for name in ("secrets.json", "login.json"):
        assert stat.S_IMODE((settings.state_dir / name).stat().st_mode) == 0o600


def test_two_stacks_have_different_secrets_and_logins(settings, tmp_path):
    other = Settings(state_dir=tmp_path / "other")
    stack_variables(settings, {}), stack_variables(other, {})
    for name in ("secrets.json", "login.json"):
        assert (settings.state_dir / name).read_text() != (other.state_dir / name).read_text()


def test_the_password_does_not_stand_in_the_variables(settings, variables):
    _, password = environment.login_of(settings.state_dir)
    assert [name for name, value in variables.items() if password in value] == []


def test_a_relative_state_folder_lies_in_the_repository():
    assert environment.state_dir_of(Settings(state_dir=Path(".local"))) == environment.REPO_ROOT / ".local"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nB\n", "line 2 is no NAME=value: 'B'"),
        ("1A=2", "line 1 is no NAME=value"),
        ("A=${NOBODY_KNOWS}", "line 1: unknown placeholder 'NOBODY_KNOWS'"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_env_file(text, {}, {})


def test_an_empty_variable_of_the_caller_leaves_the_default():
    assert parse_env_file("A=${A:-x}", {}, {"A": ""}) == {"A": "x"}


def test_equals_signs_quotes_and_braces_of_a_value_are_kept():
    assert parse_env_file('A={"b": "c=d"}', {}, {}) == {"A": '{"b": "c=d"}'}
