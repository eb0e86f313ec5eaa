"""Every house rule can fail: for each a source that breaks it, and one that does not."""

from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.rules import House, source_from_text

HOUSE = House(
    {
        "include": "include", "dags": "dags", "plugins": "plugins", "infra": "infra", "docker": "docker",
        "tests": "tests", "open_media": "plugins", "media_plugin": "plugins",
        "curate_audio": "dags", "curate_video": "dags",
        "aws_emulator": "docker/aws", "sources_emulator": "docker/sources", "local_stack": "docker/stack",
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("dags/curate_audio.py", "import curate_video"),
        ("dags/curate_audio.py", "from dags.curate_video import START"),
        ("dags/curate_audio.py", "from plugins.open_media.hooks.http import Hook"),
        ("dags/curate_audio.py", "import boto3"),
        ("dags/curate_audio.py", "def f():\n    import boto3"),
        ("dags/curate_audio.py", "from . import curate_video"),
        ("dags/curate_audio.py", "import aws_emulator"),
        ("dags/curate_audio.py", "import tests.conftest"),
        ("plugins/open_media/hooks/http.py", "from dags import curate_audio"),
        ("plugins/open_media/hooks/http.py", "import curate_audio"),
        ("plugins/open_media/hooks/http.py", "import plugins.open_media"),
        ("plugins/open_media/hooks/http.py", "from .ssm import Hook"),
        ("plugins/open_media/hooks/http.py", "from ..hooks import ssm"),
        ("plugins/open_media/hooks/http.py", "import sources_emulator"),
        ("include/audio/decode.py", "import airflow"),
        ("include/audio/decode.py", "from airflow.sdk import task"),
        ("include/audio/decode.py", "def f():\n    from airflow.sdk import task"),
        ("include/audio/decode.py", "if TYPE_CHECKING:\n    from airflow.sdk import Context"),
        ("include/audio/decode.py", "import importlib\nimportlib.import_module('airflow.sdk')"),
        ("include/audio/decode.py", "from open_media.hooks import http"),
        ("include/audio/decode.py", "from curate_audio import curate_audio"),
        ("include/audio/decode.py", "from . import loudness"),
        ("include/audio/decode.py", "from local_stack import supervisor"),
        ("docker/aws/aws_emulator/app.py", "from include.settings import SETTINGS"),
        ("docker/aws/aws_emulator/app.py", "import airflow"),
        ("docker/aws/aws_emulator/app.py", "import sources_emulator"),
        ("docker/sources/sources_emulator/app.py", "import include.catalog.keys"),
        ("docker/sources/sources_emulator/app.py", "import airflow.sdk"),
        ("docker/stack/local_stack/demo.py", "from open_media.hooks import http"),
        ("docker/stack/local_stack/demo.py", "import curate_audio"),
        ("docker/stack/local_stack/demo.py", "import aws_emulator"),
        ("infra/storage.py", "from include.catalog import keys"),
        ("infra/storage.py", "import open_media"),
        ("infra/storage.py", "from airflow.sdk import dag"),
    ],
)
def test_an_import_against_the_arrows_is_a_fault(path, line):
    assert len(list(rules.wrong_imports(source_from_text(path, line), HOUSE))) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (
            "dags/curate_audio.py",
            "from airflow.sdk import dag\nfrom open_media.hooks.http import Hook\nimport include.settings",
        ),
        (
            "plugins/open_media/hooks/http.py",
            "import airflow\nimport include.settings\nimport open_media.links\nimport boto3",
        ),
        ("include/audio/decode.py", "from include.audio import loudness\nimport numpy"),
        ("docker/aws/aws_emulator/app.py", "from aws_emulator.guard import Guard\nfrom . import seed\nimport moto"),
        ("docker/sources/sources_emulator/app.py", "from sources_emulator import catalog\nimport starlette"),
        (
            "docker/stack/local_stack/demo.py",
            "from include.catalog.keys import RunFolder\nfrom local_stack import ports",
        ),
        ("infra/storage.py", "from include.settings import SETTINGS\nfrom include import settings\nimport infra.names"),
    ],
)
def test_an_import_along_the_arrows_is_none(path, line):
    assert list(rules.wrong_imports(source_from_text(path, line), HOUSE)) == []


def test_a_fault_names_file_and_line():
    source = source_from_text("include/a.py", "import os\n\nimport airflow\n")
    assert list(rules.wrong_imports(source, HOUSE)) == [
        "include/a.py:3: include/ imports airflow (airflow): it is plain Python"
    ]


def test_the_house_learns_its_names_from_the_folders(tmp_path):
    for path in (
        "plugins/open_media/hooks/x.py",
        "plugins/media_plugin.py",
        "dags/sail.py",
        "docker/aws/aws_emulator/a.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    house = rules.house_of(tmp_path)
    owners = [house.owner(name) for name in ("open_media.hooks", "media_plugin", "sail", "aws_emulator.a", "numpy")]
    assert owners == ["plugins", "plugins", "dags", "docker/aws", None]


@pytest.mark.parametrize("module", ["librosa", "numba", "cv2", "pandas", "duckdb", "scipy.signal", "av"])
@pytest.mark.parametrize(
    "text",
    [
        "import {}",
        "from {} import x",
        "if True:\n    import {}",
        "@dag()\ndef sail():\n    import {}",
        "def beside():\n    from {} import x",
        "@task_group\ndef group():\n    import {}",
    ],
)
def test_a_heavy_import_that_runs_at_parsing_is_a_fault(module, text):
    assert len(list(rules.heavy_imports(source_from_text("dags/sail.py", text.format(module))))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import json",
        "import scipy_of_another_kind",
        "@dag()\ndef sail():\n    @task\n    def hear():\n        import librosa",
        "@task.branch(retries=4)\ndef choose():\n    import pandas",
    ],
)
def test_an_import_inside_a_task_is_free(text):
    assert list(rules.heavy_imports(source_from_text("dags/sail.py", text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['A']",
        "import os\nos.environ.get('A')",
        "import os\nos.getenv('A')",
        "import os as system\nsystem.getenv('A')",
        "import os\nos.environ['A'] = 'b'",
        "from os import environ",
        "from os import getenv as look",
        "from dotenv import load_dotenv",
        "import dotenv",
    ],
)
def test_a_look_at_the_environment_is_a_fault(text):
    assert len(list(rules.environment_reads(source_from_text("include/a.py", text)))) == 1


def test_the_rest_of_os_is_free():
    source = source_from_text(
        "include/a.py", "import os\nos.cpu_count()\nwsgi = {'a': 1}\nenviron = wsgi\nenviron['a']"
    )
    assert list(rules.environment_reads(source)) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("include/utils.py", ""),
        ("include/audio_utils.py", ""),
        ("include/helpers/x.py", ""),
        ("plugins/open_media/common.py", ""),
        ("plugins/open_media/job_manager.py", ""),
        ("include/a.py", "def get_key(): ..."),
        ("include/a.py", "def process_item(): ..."),
        ("include/a.py", "async def handle_event(): ..."),
        ("include/a.py", "class A:\n    def do_it(self): ..."),
        ("include/a.py", "def outer():\n    def _get_inner(): ..."),
    ],
)
def test_a_name_that_says_nothing_is_a_fault(path, text):
    assert len(list(rules.forbidden_names(source_from_text(path, text)))) == 1


def test_names_that_libraries_impose_and_names_that_say_something_are_free():
    names = ("get_conn", "get_link", "getaddrinfo", "doubled", "processed", "handler")
    text = "class H:\n" + "".join(f"    def {name}(self): ...\n" for name in names)
    assert list(rules.forbidden_names(source_from_text("plugins/open_media/hooks/commons.py", text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "key = f'{stem}_features.json'",
        "key = prefix + '.provenance.json'",
        "bucket = 'media-raw'",
        "uri = f's3://media-processed/{key}'",
        "key = f'failed/{key}.json'",
        "def f(name='summary.json'): ...",
    ],
)
def test_a_key_made_by_hand_is_a_fault(text):
    assert list(rules.hand_made_keys(source_from_text("plugins/open_media/a.py", text)))


def test_a_key_in_a_docstring_is_documentation():
    text = '"""Writes media-raw/x.provenance.json."""\nclass A:\n    size: int\n    """Of summary.json."""\n'
    assert list(rules.hand_made_keys(source_from_text("include/a.py", text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "q = 'SELECT a FROM b'",
        "q = 'select a\\nfrom b'",
        "q = f'DELETE FROM {table}'",
        "q = ' INSERT INTO t VALUES (1)'",
        "q = 'CREATE EXTERNAL TABLE t (a int)'",
        "q = 'WITH x AS (SELECT 1) SELECT * FROM x'",
    ],
)
def test_sql_in_a_string_is_a_fault(text):
    assert len(list(rules.sql_strings(source_from_text("dags/a.py", text)))) == 1


def test_words_that_sql_uses_too_are_free():
    text = "a = 'Select a campaign'\nb = 'with care'\nc = 'Update the catalogue'\n'SELECT a FROM b'\n"
    assert list(rules.sql_strings(source_from_text("dags/a.py", text))) == []


@pytest.mark.parametrize("text", ["a = Asset('s3://x')", "import airflow.sdk as s\na = s.Asset(name='x')"])
def test_an_asset_declared_elsewhere_is_a_fault(text):
    assert len(list(rules.assets_elsewhere(source_from_text("dags/a.py", text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "@pytest.mark.skip\ndef test_a(): ...",
        "@pytest.mark.skipif(True, reason='x')\ndef test_a(): ...",
        "@pytest.mark.xfail\ndef test_a(): ...",
        "def test_a():\n    pytest.skip('later')",
        "def test_a():\n    pytest.xfail('later')",
        "np = pytest.importorskip('numpy')",
        "from pytest import skip",
        "from unittest import SkipTest",
        "class T:\n    def test_a(self):\n        self.skipTest('x')",
    ],
)
def test_a_skipped_test_is_a_fault(text):
    assert len(list(rules.skipped_tests(source_from_text("tests/test_a.py", text)))) == 1


def test_a_skip_of_another_kind_is_free():
    assert list(rules.skipped_tests(source_from_text("tests/test_a.py", "reader.skip(4)\nrows.skipif = 1"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "X = Variable.get('x')",
        "C = BaseHook.get_connection('x')",
        "C = SomeHook().conn.get_connection('x')",
        "NOW = datetime.now(tz=UTC)",
        "@dag()\ndef sail():\n    at = pendulum.now()",
        "@dag(start_date=datetime.now())\ndef sail(): ...",
        "@task(retries=int(time.time()))\ndef t(): ...",
        "@dag()\ndef sail():\n    @task\n    def t(at=datetime.now()): ...",
    ],
)
def test_reading_a_variable_a_connection_or_the_clock_at_parsing_is_a_fault(text):
    assert len(list(rules.parse_time_reads(source_from_text("dags/sail.py", text)))) == 1


def test_a_task_may_look_at_the_clock():
    text = "START = datetime(2026, 1, 1)\n@dag()\ndef sail():\n    @task\n    def t():\n        return datetime.now()\n"
    assert list(rules.parse_time_reads(source_from_text("dags/sail.py", text))) == []


GOOD_DAG = '''"""
# sail

Sail.

| | |
|---|---|
| **Runs** | daily |
| **Reads** | wind |
| **Writes** | wake |
| **If it fails** | row |
"""

@dag(schedule=None, doc_md=__doc__)
def sail():
    ...


sail()
'''


def test_a_dag_file_as_the_house_wants_it_has_no_fault():
    assert list(rules.wrong_dag_file(source_from_text("dags/sail.py", GOOD_DAG))) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("def sail():", "def row():"), "named sail, has row"),
        (("@dag(", "@task("), "named sail, has none"),
        (("schedule=None", 'dag_id="row"'), "sets another dag_id"),
        (("# sail", "# Sail"), "begin with the title"),
        (("| **Runs** | daily |\n", ""), "Runs"),
        (("| **Reads** | wind |", "| **Reads** | |"), "Reads"),
        (("| **Writes** | wake |", "**Writes** wake"), "Writes"),
        (("| **If it fails** | row |", "| **If** | row |"), "If it fails"),
        (('"""\n# sail', 'import json\n"""\n# sail'), "has no docstring"),
        (("    ...", "    ...\n" * 120), "table of contents"),
        (("\n\nsail()", "\n\n@dag()\ndef row(): ...\n\nsail()"), "has sail, row"),
    ],
)
def test_a_dag_file_that_breaks_a_rule_is_told_which(change, told):
    found = list(rules.wrong_dag_file(source_from_text("dags/sail.py", GOOD_DAG.replace(*change))))
    assert [fault for fault in found if told in fault], found


@pytest.mark.parametrize(
    "path", ["docker/__init__.py", "docker/aws/__init__.py", "plugins/__init__.py", "dags/__init__.py"]
)
def test_an_init_file_that_hides_something_is_a_fault(tmp_path, path):
    (tmp_path / path).parent.mkdir(parents=True)
    assert rules.misplaced_init_files(tmp_path) == []
    (tmp_path / path).touch()
    assert rules.misplaced_init_files(tmp_path) == [f"{path} must not be there"]


def test_a_package_that_the_plugin_loader_would_execute_is_a_fault(tmp_path):
    for name in ("open_media", "aws_media"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hook.py").touch()
    (tmp_path / ".airflowignore").write_text("# each package\nopen_media/\nmedia_lake/\n")
    assert rules.unlisted_packages(tmp_path) == [
        "aws_media/ is not listed in plugins/.airflowignore",
        "plugins/.airflowignore lists media_lake/, which is no package",
    ]


def test_a_rule_over_nothing_is_an_error_rather_than_a_pass(tmp_path):
    (tmp_path / "dags").mkdir()
    with pytest.raises(LookupError, match="dags/ holds no Python file"):
        rules.sources_below("dags", root=tmp_path)


def test_sources_carry_their_path_from_the_root(tmp_path):
    (tmp_path / "include" / "audio").mkdir(parents=True)
    (tmp_path / "include" / "audio" / "a.py").write_text("import os\n")
    (source,) = rules.sources_below("include", root=Path(tmp_path))
    assert str(source.path) == "include/audio/a.py"
    assert source.storey == "include"
