"""The house itself, put to its rules."""

import importlib
import subprocess
import sys
from itertools import chain

import pytest

from benchmarks.dag_parsing import HEAVY
from tests.architecture import rules
from tests.architecture.rules import ROOT, faults, sources_below

STOREYS = ("dags", "plugins", "include", "docker/aws", "docker/sources", "docker/stack")
OURS_OVER_AIRFLOW = ("dags", "plugins", "include")
LEAST_RETRIES = 4


def told(found):
    return "\n" + "\n".join(found)


def every_source():
    optional = [name for name in ("infra", "docker/dashboard", "docker/edge") if (ROOT / name).is_dir()]
    return sources_below(*STOREYS, *optional)


def test_imports_point_one_way():
    found = faults(rules.wrong_imports, every_source(), rules.house_of())
    assert not found, told(found)


def test_environment_variables_are_read_in_settings_only():
    elsewhere = [source for source in every_source() if str(source.path) != "include/settings.py"]
    found = faults(rules.environment_reads, [*elsewhere, *sources_below("docs")])
    assert not found, told(found)


def test_settings_do_read_the_environment():
    (settings,) = [source for source in every_source() if str(source.path) == "include/settings.py"]
    assert faults(rules.environment_reads, [settings]), "the rule above would not see anybody reading it"


def test_names_say_what_a_thing_is():
    found = faults(rules.forbidden_names, sources_below(*OURS_OVER_AIRFLOW))
    assert not found, told(found)


def test_s3_keys_are_built_in_one_place():
    elsewhere = [
        source
        for source in sources_below(*OURS_OVER_AIRFLOW, "docker/stack")
        if str(source.path) != "include/catalog/keys.py"
    ]
    found = faults(rules.hand_made_keys, elsewhere)
    assert not found, told(found)


def test_assets_are_declared_in_one_place():
    elsewhere = [
        source for source in sources_below("dags", "plugins") if str(source.path) != "plugins/media_dags/assets.py"
    ]
    found = faults(rules.assets_elsewhere, elsewhere)
    assert not found, told(found)


def test_no_dag_file_holds_sql():
    found = faults(rules.sql_strings, sources_below("dags"))
    assert not found, told(found)


def test_no_test_is_skipped_or_expected_to_fail():
    found = faults(rules.skipped_tests, sources_below("tests"))
    assert not found, told(found)


def test_no_init_file_hides_something():
    assert not rules.misplaced_init_files(), told(rules.misplaced_init_files())


def test_the_plugin_loader_is_left_nothing_but_media_plugin():
    """Asked of the very function by which Airflow looks for plugins."""
    from airflow._shared.module_loading import find_path_from_directory

    assert not rules.unlisted_packages(ROOT / "plugins"), told(rules.unlisted_packages(ROOT / "plugins"))
    loaded = {
        path for path in find_path_from_directory(str(ROOT / "plugins"), ".airflowignore") if path.endswith(".py")
    }
    assert loaded == {str(ROOT / "plugins" / "media_plugin.py")}


def test_dag_files_parse_for_free():
    dags = sources_below("dags")
    found = faults(rules.heavy_imports, dags) + faults(rules.parse_time_reads, dags)
    assert not found, told(found)


def test_dag_files_are_tables_of_contents():
    found = faults(rules.wrong_dag_file, sources_below("dags"))
    assert not found, told(found)


LOOK = """
import sys
import airflow.sdk, airflow.providers.amazon.aws.hooks.base_aws  # what Airflow and the provider load anyway
before = {{name.split(".")[0] for name in sys.modules}}
sys.path[:0] = {path!r}
import runpy
for file in {files!r}:
    runpy.run_path(file, run_name="parsed")
print(*sorted({{name.split(".")[0] for name in sys.modules}} - before))
"""


def test_parsing_the_dag_files_loads_no_heavy_library():
    """Also not by way of an operator: seen in a process that does nothing but parse them."""
    files = [str(file) for file in sorted((ROOT / "dags").glob("*.py"))]
    script = LOOK.format(path=[str(ROOT), str(ROOT / "plugins")], files=files)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split("\n")[-2].split())
    assert "include" in loaded, "the process saw nothing of ours being loaded"
    assert not loaded & HEAVY


def test_every_dag_file_loads_and_gives_its_dag(dag_bag):
    assert not dag_bag.import_errors, told(f"{file}: {error}" for file, error in dag_bag.import_errors.items())
    stems = {source.path.stem for source in sources_below("dags")}
    assert {dag_id: dag_bag.dags[dag_id].fileloc for dag_id in dag_bag.dags} == {
        stem: str(ROOT / "dags" / f"{stem}.py") for stem in stems
    }


def test_every_dag_has_a_page_and_tags(dag_bag):
    assert dag_bag.dags
    found = [
        f"{dag_id}: {fault}"
        for dag_id, dag in dag_bag.dags.items()
        for fault in chain(rules.wrong_doc(dag_id, dag.doc_md), [] if dag.tags else ["has no tags"])
    ]
    assert not found, told(found)


def test_every_task_is_tried_again_and_ends_in_time(dag_bag):
    tasks = [task for dag in dag_bag.dags.values() for task in dag.tasks]
    assert tasks
    found = [f"{task.task_id}: {fault}" for task in tasks for fault in impatient(task)]
    assert not found, told(found)


def impatient(task):
    if (task.retries or 0) < LEAST_RETRIES:
        yield f"{task.retries} retries, at least {LEAST_RETRIES} are needed: a restart burns them"
    if not task.execution_timeout:
        yield "has no execution_timeout"


def test_a_task_without_patience_would_be_seen():
    from airflow.sdk import dag, task

    @dag(schedule=None)
    def hasty():
        @task(retries=1)
        def try_once(x): ...

        try_once.expand(x=[1, 2])

    (mapped,) = hasty().tasks
    assert len(list(impatient(mapped))) == 2


def test_every_test_folder_is_collected_without_init_files():
    """With ``--import-mode=importlib`` they are not needed, and two of the same name would clash."""
    assert not [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("__init__.py")]


@pytest.mark.parametrize("owner", rules.IMPOSED)
def test_every_name_that_a_library_is_said_to_impose_is_its_own(owner):
    """The list of exceptions may not grow beyond what libraries really call."""
    module, _, cls = owner.rpartition(".")
    imposing = getattr(importlib.import_module(module), cls)
    assert [name for name in rules.IMPOSED[owner] if not hasattr(imposing, name)] == []
