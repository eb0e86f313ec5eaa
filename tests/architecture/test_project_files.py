"""The files that tools outside Python read agree with each other and with the code, as far as that can be checked."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from include.settings import Settings
from include.sources.headers import user_agent_for
from local_stack.environment import parse_env_file
from tests.architecture.rules import ROOT

NOT_TRIED = re.compile(
    r"no Docker on the developers' machines|(not (been )?|un)tried|could not be (tried|built)|never (been )?built",
    re.IGNORECASE,
)
NEEDS_DOCKER = [
    "Dockerfile", "docker-compose.override.yml", ".astro/config.yaml", "astro-config/airflow_settings.yaml",
    "astro-config/astro.env", "docker/aws/Dockerfile", "docker/sources/Dockerfile", "README.md", "CONTRIBUTING.md",
]  # fmt: skip


def yaml_of(path):
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def variables_of(path):
    """Read an env file: name and value of each line."""
    lines = [line.strip() for line in (ROOT / path).read_text("utf-8").splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def compose():
    return yaml_of("docker-compose.override.yml")["services"]


@pytest.fixture(scope="module")
def airflow_settings():
    return yaml_of("astro-config/airflow_settings.yaml")["airflow"]


# --- the parse test of the Astro CLI ---------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path):
    """The folders that the image holds, laid out as in the container, where AIRFLOW_HOME is the project."""
    for folder in ("dags", "plugins", "include", ".astro"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def astro_dev_parse(image):
    ours = ("AIRFLOW", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"AIRFLOW_HOME": str(image), "PYTHONPATH": str(image)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ".astro/test_dag_integrity_default.py"]
    return subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, check=False)


def test_the_parse_test_passes_on_our_dags(image):
    run = astro_dev_parse(image)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout


def test_the_parse_test_fails_on_a_broken_dag_and_on_an_empty_bag(image):
    for file in (image / "dags").glob("*.py"):
        file.unlink()
    (image / "dags" / "broken.py").write_text("from airflow.sdk import dag\nimport no_such_module\n")
    run = astro_dev_parse(image)
    assert run.returncode == 1
    assert "2 failed" in run.stdout
    assert "No module named 'no_such_module'" in run.stdout
    assert "no DAG found" in run.stdout


# --- compose, connections, pools, env files --------------------------------------------------------------------------


def test_every_port_is_published_on_loopback_only(compose):
    ports = [port for service in compose.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []


def test_every_service_of_ours_is_built_from_its_own_folder(compose):
    contexts = {name: service["build"] for name, service in compose.items() if "build" in service}
    assert set(contexts) == {"aws", "sources"}
    for context in contexts.values():
        assert (ROOT / context / "Dockerfile").is_file(), f"{context}/Dockerfile is missing"
        assert (ROOT / context / "requirements.txt").is_file()


def test_the_ports_are_the_ones_of_the_settings(compose):
    assert f"127.0.0.1:{Settings().local_aws_port}:{Settings().local_aws_port}" in compose["aws"]["ports"]
    sources = f"127.0.0.1:{Settings().local_sources_port}:{Settings().local_sources_port}"
    assert compose["sources"]["network_mode"] == "service:scheduler"
    assert sources in compose["scheduler"]["ports"]


def test_containers_reach_the_local_aws_by_its_service_name(compose, airflow_settings):
    endpoint = f"http://aws:{Settings().local_aws_port}"
    connections = {connection["conn_id"]: connection for connection in airflow_settings["connections"]}
    assert json.loads(connections["aws_default"]["conn_extra"])["endpoint_url"] == endpoint
    assert variables_of("astro-config/astro.env")["AWS_ENDPOINT_URL"] == endpoint
    assert "aws" in compose


def test_the_stand_in_is_the_only_host_outside_the_internet_that_is_allowed(airflow_settings):
    (connection,) = [c for c in airflow_settings["connections"] if c["conn_id"] == "internet_archive_default"]
    stand_in = f"127.0.0.1:{Settings().local_sources_port}"
    assert connection["conn_host"] == f"http://{stand_in}"
    assert json.loads(connection["conn_extra"])["loopback_hosts"] == [stand_in]


def test_no_extra_is_a_yaml_map_nor_holds_a_single_quote(airflow_settings):
    """The CLI drops what is nested in a map, and hands a string to a shell in single quotes."""
    extras = [connection.get("conn_extra", "") for connection in airflow_settings["connections"]]
    assert any(extras)
    assert [extra for extra in extras if not isinstance(extra, str) or "'" in extra] == []


def test_the_astro_cli_and_make_up_create_the_same_connections(airflow_settings):
    local = {
        name.removeprefix("AIRFLOW_CONN_").lower(): json.loads(re.sub(r"\$\{\w+\}", "1", value))
        for name, value in variables_of("astro-config/local.env").items()
        if name.startswith("AIRFLOW_CONN_")
    }
    astro = {connection["conn_id"]: connection for connection in airflow_settings["connections"]}
    assert {name: c["conn_type"] for name, c in local.items()} == {name: c["conn_type"] for name, c in astro.items()}
    for name, connection in local.items():
        extra = json.loads(astro[name]["conn_extra"])
        assert set(connection.get("extra", {})) == set(extra), f"{name}: the extras differ"


def test_the_aws_example_defines_the_connections_that_the_laptop_has():
    example, local = variables_of("astro-config/aws.env.example"), variables_of("astro-config/local.env")
    assert {n for n in example if n.startswith("AIRFLOW_CONN_")} == {n for n in local if n.startswith("AIRFLOW_CONN_")}


def test_the_astro_cli_and_make_up_create_the_same_pools(airflow_settings):
    pools = json.loads((ROOT / "astro-config" / "pools.json").read_text())
    assert {name: (pool["slots"], pool["description"]) for name, pool in pools.items()} == {
        pool["pool_name"]: (pool["pool_slot"], pool["pool_description"]) for pool in airflow_settings["pools"]
    }


def test_every_pool_that_a_dag_uses_is_created(dag_bag):
    pools = {"default_pool", *json.loads((ROOT / "astro-config" / "pools.json").read_text())}
    used = {task.pool for dag in dag_bag.dags.values() for task in dag.tasks}
    assert used
    assert used <= pools


class Asked(dict):
    """An environment that remembers what was asked for."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return default


def deployment_variables():
    return {
        variable["key"]: variable
        for variable in yaml_of("astro-config/deployment.yaml")["deployment"]["environment_variables"]
    }


@pytest.mark.parametrize(
    "names",
    [
        lambda: variables_of("astro-config/astro.env"),
        lambda: variables_of("astro-config/aws.env.example"),
        lambda: variables_of("astro-config/local.env"),
        deployment_variables,
    ],
    ids=["astro.env", "aws.env.example", "local.env", "deployment.yaml"],
)
def test_every_setting_in_an_env_file_is_one_that_the_settings_read(names):
    known = Asked()
    Settings.from_environment(known)
    given = {name for name in names() if name.startswith("MEDIA_")}
    assert {"MEDIA_BUCKET_PREFIX", "MEDIA_CONTACT"} <= given
    assert given <= known.names


@pytest.mark.parametrize(
    ("contact", "asks_live_catalogues"),
    [
        (lambda: variables_of("astro-config/astro.env")["MEDIA_CONTACT"], False),
        (lambda: parse_env_file(variables_of_line("MEDIA_CONTACT"), {}, {})["MEDIA_CONTACT"], False),
        (lambda: variables_of("astro-config/aws.env.example")["MEDIA_CONTACT"], True),
        (lambda: deployment_variables()["MEDIA_CONTACT"]["value"], True),
    ],
    ids=["astro.env", "local.env", "aws.env.example", "deployment.yaml"],
)
def test_every_contact_in_an_env_file_is_one_that_the_client_accepts(contact, asks_live_catalogues):
    assert user_agent_for(contact(), required=asks_live_catalogues)


def variables_of_line(name):
    """Return the line of ``local.env`` that sets ``name``, placeholders as they stand."""
    return f"{name}={variables_of('astro-config/local.env')[name]}"


def test_the_deployment_file_gives_every_variable_a_value_and_holds_no_secret():
    """The CLI refuses an empty value; what is secret does not belong into a committed file."""
    assert [
        key for key, variable in deployment_variables().items() if not variable["value"] or variable["is_secret"]
    ] == []


def test_the_aws_example_leads_to_aws_and_holds_no_key():
    example = variables_of("astro-config/aws.env.example")
    assert not {name for name in example if name.startswith(("AWS_ENDPOINT", "AWS_ACCESS", "AWS_SECRET"))}
    connection = json.loads(example["AIRFLOW_CONN_AWS_DEFAULT"])
    assert not {"login", "password"} & set(connection)
    assert "endpoint_url" not in connection["extra"]


def test_a_filled_in_env_file_cannot_be_committed():
    ignored = subprocess.run(
        ["git", "check-ignore", "astro-config/aws.env", ".env"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ignored.stdout.split() == ["astro-config/aws.env", ".env"], ignored.stderr


@pytest.mark.parametrize("path", NEEDS_DOCKER)
def test_where_docker_is_needed_it_says_that_it_was_not_tried(path):
    words = " ".join(re.sub(r"^\s*#", "", line).strip() for line in (ROOT / path).read_text("utf-8").splitlines())
    assert NOT_TRIED.search(words)


# --- CI, hooks, licence ----------------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path):
    """A clone with ``.ci/run``, and a PATH that holds a ``make`` which notes what it was asked for."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "env"):
        (tools / tool).symlink_to(shutil.which(tool))
    for tool in ("git", "python3.11"):
        write_tool(tools / tool, "exit 0")
    write_tool(tools / "make", 'echo "make $1 in $PWD"; [ "$1" != "${FAIL:-}" ]')
    return tmp_path


def write_tool(path, script):
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    path.chmod(0o755)


def ci_run(clone, **environment):
    environment = {"PATH": str(clone / "bin")} | environment
    return subprocess.run(
        [clone / ".ci" / "run"], cwd="/", env=environment, capture_output=True, text=True, check=False
    )


def test_ci_lints_and_then_tests_in_the_root_of_the_repository(clone):
    run = ci_run(clone)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [f"make lint in {clone}", f"make test in {clone}"]


@pytest.mark.parametrize("failing", ["lint", "test"])
def test_ci_fails_when_a_step_fails(clone, failing):
    assert ci_run(clone, FAIL=failing).returncode != 0


@pytest.mark.parametrize("missing", ["python3.11", "git", "make"])
def test_ci_names_a_missing_tool(clone, missing):
    (clone / "bin" / missing).unlink()
    run = ci_run(clone)
    assert run.returncode == 1
    assert run.stderr.startswith(f"{missing} is missing")


INSTALL_BROWSER = ROOT / "tests" / "e2e" / "install_browser.sh"


@pytest.fixture
def machine(tmp_path):
    """A PATH without any browser; ``id`` says who is there, ``apt-get`` notes what it is asked for."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("mktemp", "rm"):
        (tools / tool).symlink_to(shutil.which(tool))
    write_tool(tools / "id", "echo 1000")
    return tools


def install_browser(tools, **environment):
    """Run the script as it stands, but where no Chromium of this machine is looked for."""
    script = INSTALL_BROWSER.read_text().replace("/usr/bin/chromium ", "")
    return subprocess.run(
        [shutil.which("bash"), "-c", script],
        env={"PATH": str(tools), "TMPDIR": str(tools.parent)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_a_browser_on_the_path_is_found(machine, name):
    write_tool(machine / name, "exit 0")
    assert install_browser(machine).stdout == f"{machine / name}\n"


def test_the_browser_that_is_named_comes_first(machine):
    write_tool(machine / "chromium", "exit 0")
    write_tool(machine.parent / "mine", "exit 0")
    assert install_browser(machine, CHROMIUM_PATH=str(machine.parent / "mine")).stdout == f"{machine.parent / 'mine'}\n"


def test_a_named_browser_that_is_not_there_is_no_reason_to_take_another(machine):
    write_tool(machine / "chromium", "exit 0")
    run = install_browser(machine, CHROMIUM_PATH="/no/browser")
    assert (run.returncode, run.stdout) == (1, "")
    assert "CHROMIUM_PATH=/no/browser is no program" in run.stderr


def test_a_missing_browser_is_installed_with_apt_where_that_is_possible(machine):
    write_tool(machine / "id", "echo 0")
    link = f"{shutil.which('ln')} -sf {shutil.which('true')} {machine}/chromium"
    write_tool(machine / "apt-get", f'echo "$@" >> {machine.parent}/asked; [ "$1" = update ] || {link}')
    run = install_browser(machine)
    assert (run.returncode, run.stdout) == (0, f"{machine}/chromium\n"), run.stderr
    asked = (machine.parent / "asked").read_text().splitlines()
    assert asked == ["update", "install -y --no-install-recommends chromium"]


def test_an_installation_that_fails_is_told_with_its_log(machine):
    write_tool(machine / "id", "echo 0")
    write_tool(machine / "apt-get", "echo no network; exit 100")
    run = install_browser(machine)
    assert (run.returncode, run.stdout) == (1, "")
    log = re.search(r"see (\S+);", run.stderr)[1]
    assert Path(log).read_text() == "no network\n"


def test_without_a_browser_one_line_says_what_to_do(machine):
    run = install_browser(machine)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines() == [
        "no browser for the browser tests: install Chromium or name one with CHROMIUM_PATH"
    ]


def test_make_test_looks_for_a_browser_before_pytest():
    told = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert 0 < told.index("tests/e2e/install_browser.sh") < told.index("-m pytest")


def test_the_hooks_are_valid_and_use_the_project_s_own_tools():
    check = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout
    (repository,) = yaml_of(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local", "a hook from elsewhere needs a network"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
        assert "--fix" not in hook["entry"].split()


def test_the_licence_is_the_one_that_the_project_names():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
