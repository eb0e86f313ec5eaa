"""The versions that stand in several files agree, so that what is tested is what is deployed."""

import re
import sys
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.architecture.rules import ROOT

RUNTIME = re.compile(
    r"^FROM astrocrpublic\.azurecr\.io/runtime:(\d+\.\d+)-(\d+)(?:-python-(\d+\.\d+))?(-base)?\s*$", re.M
)


def runtime_of(dockerfile: str) -> tuple[str, str, str | None]:
    """Read Airflow's minor version, the runtime version and the Python (if the tag names one) of the last stage.

    >>> runtime_of("FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12")
    ('3.3', '3.3-8', '3.12')
    """
    found = RUNTIME.findall(dockerfile)
    if not found:
        raise ValueError("the Dockerfile names no runtime image with a full version such as runtime:3.3-8")
    minor, build, python, _ = found[-1]
    return minor, f"{minor}-{build}", python or None


def pinned(requirements: str, package: str) -> str:
    """Read the version that a requirements file pins ``package`` to."""
    found = re.findall(rf"^{re.escape(package)}==(\S+)", requirements, re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"{package} is pinned {len(found)} times, not once")
    return found[0]


def minor_of(text: str) -> str:
    return ".".join(text.split(".")[:2])


@pytest.fixture(scope="module")
def runtime():
    return runtime_of((ROOT / "Dockerfile").read_text())


def test_image_requirements_and_tested_airflow_agree_in_their_minor_version(runtime):
    requirements = pinned((ROOT / "requirements.txt").read_text(), "apache-airflow")
    assert minor_of(requirements) == minor_of(version("apache-airflow")) == runtime[0]


def test_the_tested_airflow_and_amazon_provider_are_the_pinned_ones():
    requirements = (ROOT / "requirements.txt").read_text()
    for package in ("apache-airflow", "apache-airflow-providers-amazon"):
        assert version(package) == pinned(requirements, package)
        assert version(package) == re.search(
            rf"^{package}(?:\[[\w,]+\])?==(\S+)", (ROOT / "requirements.in").read_text(), re.M
        ).group(1)


def test_the_deployment_file_names_the_image_s_runtime(runtime):
    deployment = yaml.safe_load((ROOT / "astro-config" / "deployment.yaml").read_text())["deployment"]
    assert deployment["configuration"]["runtime_version"] == runtime[1]


def test_the_image_s_python_is_one_that_the_project_supports(runtime):
    supported = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])
    assert runtime[2] is not None, "the runtime's default Python may change: name it in the tag"
    assert Version(runtime[2]) in supported
    assert Version(".".join(map(str, sys.version_info[:2]))) in supported


def test_the_laptop_s_postgres_is_one_that_airflow_supports():
    """13 is the oldest that Airflow 3 runs on; images from 18 on keep their data where the CLI mounts no volume."""
    config = yaml.safe_load((ROOT / ".astro" / "config.yaml").read_text())
    assert isinstance(config["postgres"]["tag"], str), "quote it, or 17.10 becomes 17.1"
    assert 13 <= int(config["postgres"]["tag"].split(".")[0]) <= 17


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM apache/airflow:3.3.2",
        "FROM astrocrpublic.azurecr.io/runtime:latest",
        "FROM astrocrpublic.azurecr.io/runtime:3.3",
        "# FROM astrocrpublic.azurecr.io/runtime:3.3-8",
        "",
    ],
)
def test_an_image_without_a_full_version_is_refused(dockerfile):
    with pytest.raises(ValueError, match="names no runtime image"):
        runtime_of(dockerfile)


@pytest.mark.parametrize("requirements", ["", "apache-airflow>=3.3", "apache-airflow==3.3.2\napache-airflow==3.3.1\n"])
def test_an_airflow_that_is_not_pinned_once_is_refused(requirements):
    with pytest.raises(ValueError, match="times, not once"):
        pinned(requirements, "apache-airflow")
