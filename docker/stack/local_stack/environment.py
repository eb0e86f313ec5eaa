"""The environment of the stack's processes: `astro-config/local.env` with its placeholders filled in."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from include.settings import Settings

REPO_ROOT = Path(__file__).resolve().parents[3]
ENV_FILE = REPO_ROOT / "astro-config" / "local.env"
USERNAME = "admin"

STACK_VARIABLE = "MEDIA_STACK_ID"
"""Marks every process of a stack with its state folder, children included: how `down` finds what lost its parent."""
COMPONENT_VARIABLE = "MEDIA_STACK_COMPONENT"

_PLACEHOLDER = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>(?:[^${}]|\$\{\w+\})*))?\}")
_DROPPED_PREFIXES = ("AIRFLOW", "_AIRFLOW", "AWS_", "BOTO_", "PYTHONHOME", "PYTHONSTARTUP", "MEDIA_STACK_")


def state_dir_of(settings: Settings) -> Path:
    """Return the state folder as an absolute path; a relative one lies below the repository's root."""
    return (REPO_ROOT / settings.state_dir.expanduser()).resolve()


def expand(text: str, facts: Mapping[str, str], caller: Mapping[str, str]) -> str:
    """Fill in the placeholders of ``text``.

    ``${NAME}`` must stand in ``facts``; ``${NAME:-default}`` is the caller's NAME unless that is absent or empty, and
    the default may hold plain placeholders itself.

    :raises KeyError: with the name, when a plain placeholder is unknown.

    >>> expand("${HOME_DIR}/x ${COLOUR:-red} ${SIZE:-${HOME_DIR}}", {"HOME_DIR": "/h"}, {"COLOUR": "blue"})
    '/h/x blue /h'
    """

    def value_of(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if default is None:
            return facts[name]
        return caller.get(name) or expand(default, facts, caller)

    return _PLACEHOLDER.sub(value_of, text)


def parse_env_file(text: str, facts: Mapping[str, str], caller: Mapping[str, str]) -> dict[str, str]:
    r"""Read ``NAME=value`` lines; empty ones and those that start with ``#`` are skipped, values are taken as is.

    :raises ValueError: naming the line, when it is no assignment or names an unknown placeholder.

    >>> parse_env_file('# a comment\nURL=http://127.0.0.1:${PORT}\n', {"PORT": "80"}, {})
    {'URL': 'http://127.0.0.1:80'}
    """
    variables: dict[str, str] = {}
    for number, raw_line in enumerate(text.splitlines(), start=1):
        line = raw_line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"line {number} is no NAME=value: {line!r}")
        try:
            variables[name] = expand(value, facts, caller)
        except KeyError as error:
            raise ValueError(f"line {number}: unknown placeholder {error}") from error
    return variables


def without_foreign_settings(caller: Mapping[str, str]) -> dict[str, str]:
    """Return ``caller`` without the variables that would lead the stack to another Airflow or to a real AWS account.

    >>> without_foreign_settings({"PATH": "/bin", "AWS_PROFILE": "production", "AIRFLOW_HOME": "/srv"})
    {'PATH': '/bin'}
    """
    return {name: value for name, value in caller.items() if not name.startswith(_DROPPED_PREFIXES)}


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that only the owner can read it; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def secrets_of(state_dir: Path) -> dict[str, str]:
    """Return the stack's own secrets; they are made once, so that logins and encrypted values survive a restart."""
    path = state_dir / "secrets.json"
    if not path.exists():
        made = {
            "FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "JWT_SECRET": secrets.token_urlsafe(64),
            "API_SECRET_KEY": secrets.token_urlsafe(32),
        }
        write_private(path, json.dumps(made, indent=2))
    return json.loads(path.read_text())


def login_file_of(state_dir: Path) -> Path:
    """Return where the one Airflow login lies: JSON, user name to password."""
    return state_dir / "login.json"


def login_of(state_dir: Path) -> tuple[str, str]:
    """Return user name and password of the Airflow UI, made at the first call."""
    path = login_file_of(state_dir)
    if not path.exists():
        write_private(path, json.dumps({USERNAME: secrets.token_urlsafe(12)}))
    return USERNAME, json.loads(path.read_text())[USERNAME]


def stack_variables(settings: Settings, caller: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `astro-config/local.env` for this stack; makes its secrets and login if they are missing.

    :raises ValueError: naming the file and line, when the file cannot be read as an env file.
    """
    state_dir = state_dir_of(settings)
    login_of(state_dir)
    chosen = {"MEDIA_CONTACT": settings.contact, "MEDIA_ALERTS_TOPIC_ARN": settings.alerts_topic_arn}
    facts = {
        "REPO_ROOT": str(REPO_ROOT),
        "STATE_DIR": str(state_dir),
        "LOGIN_FILE": str(login_file_of(state_dir)),
        "AIRFLOW_PORT": str(settings.airflow_port),
        "LOCAL_AWS_PORT": str(settings.local_aws_port),
        "LOCAL_SOURCES_PORT": str(settings.local_sources_port),
        "DASHBOARD_PORT": str(settings.dashboard_port),
        "MEDIA_BUCKET_PREFIX": settings.prefix,
        **secrets_of(state_dir),
    }
    try:
        return parse_env_file(ENV_FILE.read_text(), facts, {**caller, **chosen})
    except ValueError as error:
        raise ValueError(f"{ENV_FILE.relative_to(REPO_ROOT)}, {error}") from error
