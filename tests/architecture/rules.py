"""The house rules as functions over syntax trees: each takes sources and returns what is wrong, one line a fault.

``test_rules.py`` shows for every rule a source that breaks it; ``test_house.py`` puts the house itself to them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from benchmarks.dag_parsing import HEAVY

ROOT = Path(__file__).parents[2]

IMPOSED = {
    "airflow.sdk.bases.hook.BaseHook": {
        "get_conn", "get_connection", "get_hook", "get_connection_form_widgets", "get_ui_field_behaviour",
    },
    "airflow.sdk.BaseOperatorLink": {"get_link"},
    "airflow.sdk.BaseOperator": {"get_template_env"},
    "airflow.providers.amazon.aws.hooks.base_aws.AwsGenericHook": {"get_async_conn", "get_waiter", "get_client_type"},
    "httpx.BaseTransport": {"handle_request"},
    "httpcore.NetworkStream": {"get_extra_info"},
}  # fmt: skip
"""Method names that a library calls, by the class that imposes them; everything else is named by us."""

LONGEST_DAG_FILE = 120
FORBIDDEN_MODULES = frozenset(
    {"utils", "util", "utilities", "helpers", "helper", "common", "manager", "managers", "misc", "src"}
)
FORBIDDEN_PREFIXES = ("get_", "process_", "handle_", "do_")
KEY_MARKS = (
    "_features.json", "_labels.json", "provenance.json", "summary.json", "candidates.json", "failed/",
    "media-ingest", "media-raw", "media-processed", "media-delivery", "media-archive", "media-reports",
)  # fmt: skip
"""Pieces of S3 keys and bucket names: whoever writes one outside ``include/catalog/keys.py`` builds a key by hand."""

_SQL = re.compile(
    r"^\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|MERGE\s+INTO\s|WITH\s+\w+\s+AS\s*\("
    r"|(CREATE|ALTER|DROP)\s+(EXTERNAL\s+)?(TABLE|VIEW|DATABASE|SCHEMA)\s)",
    re.IGNORECASE | re.DOTALL,
)
_ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})
_PARSE_TIME_CALLS = frozenset(
    {
        "Variable.get", "Connection.get", "BaseHook.get_connection", "datetime.now", "datetime.utcnow",
        "datetime.today", "date.today", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today",
        "time.time", "time.monotonic", "pendulum.now", "pendulum.today", "timezone.utcnow", "timezone.now",
    }
)  # fmt: skip
_SKIPS = frozenset(
    {"skip", "skipif", "xfail", "importorskip", "skipIf", "skipUnless", "skipTest", "SkipTest", "expectedFailure"}
)


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root of the repository, and its text."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def storey(self) -> str:
        """``dags``, ``plugins``, ``include``, ``infra``, or for a program beside Airflow ``docker/<program>``.

        >>> Source(PurePosixPath("docker/aws/aws_emulator/app.py"), "").storey
        'docker/aws'
        >>> Source(PurePosixPath("include/settings.py"), "").storey
        'include'
        """
        parts = self.path.parts
        return "/".join(parts[:2]) if parts[0] == "docker" else parts[0]

    def fault(self, line: int, message: str) -> str:
        return f"{self.path}:{line}: {message}"


def source_from_text(path: str, text: str) -> Source:
    return Source(PurePosixPath(path), text)


def sources_below(*folders: str, root: Path = ROOT) -> list[Source]:
    """Read every Python file below ``folders`` of ``root``.

    :raises LookupError: when one of the folders has none, for a rule over nothing would pass whatever happens.
    """
    found: list[Source] = []
    for folder in folders:
        paths = sorted(path for path in (root / folder).rglob("*.py") if "__pycache__" not in path.parts)
        if not paths:
            raise LookupError(f"{folder}/ holds no Python file, so the rule would hold nothing")
        found += [Source(PurePosixPath(path.relative_to(root).as_posix()), path.read_text("utf-8")) for path in paths]
    return found


def faults(check: Callable[..., Iterable[str]], sources: Iterable[Source], *arguments: object) -> list[str]:
    """Put every source to one rule."""
    return [fault for source in sources for fault in check(source, *arguments)]


# --- imports ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class House:
    """Top-level import names of ours, by the storey that they belong to (see ``Source.storey``)."""

    owners: dict[str, str]

    def owner(self, module: str) -> str | None:
        """Storey of ``module``, or ``None`` when it is not ours.

        >>> House({"open_media": "plugins"}).owner("open_media.hooks.http")
        'plugins'
        """
        return self.owners.get(module.split(".")[0])


def house_of(root: Path = ROOT) -> House:
    """Learn from the folders which import names are ours.

    The folders themselves (``plugins.open_media``, ``docker.aws``) are no import names, save ``include``, ``tests`` and
    ``infra``: they are known all the same, so that importing through them is seen.
    """
    owners = {name: name for name in ("include", "dags", "plugins", "infra", "tests", "docker", "benchmarks", "docs")}
    for storey, folder in [("plugins", root / "plugins"), ("dags", root / "dags")] + [
        (f"docker/{program.name}", program) for program in sorted((root / "docker").glob("*")) if program.is_dir()
    ]:
        for path in sorted(folder.glob("*")):
            if (path.is_dir() and any(path.rglob("*.py"))) or path.suffix == ".py":
                owners[path.stem] = storey
    return House(owners)


def imports_of(source: Source) -> Iterator[tuple[int, str, int]]:
    """Yield line, module and level (0 = absolute) of every import, also inside functions and by ``import_module``.

    >>> list(imports_of(source_from_text("x.py", "from . import a\\nimport b.c, d")))
    [(1, 'a', 1), (2, 'b.c', 0), (2, 'd', 0)]
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}", node.level) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, alias.name, node.level) for alias in node.names)
        elif (
            isinstance(node, ast.Call)
            and dotted(node.func).split(".")[-1] in {"import_module", "__import__"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.lineno, node.args[0].value, 0


def dotted(node: ast.AST) -> str:
    """Spell a name with its attributes; what is no plain chain of names becomes empty.

    >>> dotted(ast.parse("a.b.c", mode="eval").body)
    'a.b.c'
    """
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


_MAY_IMPORT = {
    "dags": {"plugins", "include"},
    "plugins": {"plugins", "include"},
    "include": {"include"},
    "infra": {"infra", "include"},
    "docker/aws": {"docker/aws"},
    "docker/sources": {"docker/sources"},
}
_NEVER_IN_DAGS = {"boto3", "botocore", "aiobotocore", "sqlite3", "sqlalchemy", "psycopg", "psycopg2"}
_NEVER_AIRFLOW = {"include", "infra", "docker/aws", "docker/sources"}


def wrong_imports(source: Source, house: House) -> Iterator[str]:
    """Imports point one way: dags -> plugins -> include; what runs beside Airflow meets it over the wire."""
    storey = source.storey
    may = _MAY_IMPORT.get(storey, {storey, "include"})
    for line, module, level in imports_of(source):
        if level:
            if storey in ("dags", "plugins", "include"):
                yield source.fault(line, f"relative import of {module!r}: write the whole name")
            continue
        top = module.split(".")[0]
        owner = house.owner(module)
        if storey == "dags" and top in _NEVER_IN_DAGS:
            yield source.fault(line, f"imports {module}: a DAG file wires, a hook or an operator talks to services")
        elif top == "airflow" and storey in _NEVER_AIRFLOW:
            yield source.fault(line, f"{storey}/ imports airflow ({module}): it is plain Python")
        elif owner == top and top not in ("include", "infra", "tests"):
            yield source.fault(line, f"{module!r} goes through a folder: its import name begins below {top}/")
        elif owner is not None and owner not in may:
            yield source.fault(
                line, f"{storey}/ imports {module!r} of {owner}/: it may import {', '.join(sorted(may))} only"
            )
        elif storey == "infra" and owner == "include" and not module.startswith("include.settings"):
            yield source.fault(line, f"infra/ imports {module!r}: of include/ it may import include.settings only")


def heavy_imports(source: Source) -> Iterator[str]:
    """A DAG file imports no heavy library on top; inside a task it may."""
    for node in _parse_time_nodes(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for module in modules:
                if module.split(".")[0] in HEAVY:
                    yield source.fault(
                        node.lineno, f"imports {module} whenever it is parsed: import it inside the task"
                    )


# --- what a file says ------------------------------------------------------------------------------------------------


def environment_reads(source: Source) -> Iterator[str]:
    """Environment variables are read in ``include/settings.py`` only."""
    imports = [node for node in ast.walk(source.tree) if isinstance(node, ast.Import)]
    modules = {alias.asname or alias.name for node in imports for alias in node.names if alias.name == "os"}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "os" and not node.level:
            for alias in node.names:
                if alias.name in _ENVIRONMENT:
                    yield source.fault(
                        node.lineno, f"imports os.{alias.name}: the environment is include/settings.py's"
                    )
        elif isinstance(node, ast.Attribute) and node.attr in _ENVIRONMENT and dotted(node.value) in modules:
            yield source.fault(node.lineno, f"reads {dotted(node)}: the environment is include/settings.py's")
        elif isinstance(node, ast.Import | ast.ImportFrom) and "dotenv" in ast.dump(node):
            yield source.fault(node.lineno, "imports dotenv: the environment is include/settings.py's")


def forbidden_names(source: Source) -> Iterator[str]:
    """Names say what a thing is: no ``utils``, no ``get_``; of names that libraries impose those in ``IMPOSED``."""
    imposed = set().union(*IMPOSED.values())
    for part in (*source.path.parts[:-1], source.path.stem):
        if part in FORBIDDEN_MODULES or part.endswith(tuple(f"_{name}" for name in FORBIDDEN_MODULES)):
            yield source.fault(1, f"{part!r} says nothing: name the module after what it is about")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = node.name.lstrip("_")
            if name.startswith(FORBIDDEN_PREFIXES) and node.name not in imposed:
                yield source.fault(node.lineno, f"{node.name}() says nothing: a verb and its object, or y_from_x")


def hand_made_keys(source: Source) -> Iterator[str]:
    """S3 keys are built in ``include/catalog/keys.py`` only."""
    for line, text in strings_of(source):
        for mark in KEY_MARKS:
            if mark in text:
                yield source.fault(
                    line, f"spells {mark!r}: build keys with include.catalog.keys, buckets with SETTINGS"
                )


def sql_strings(source: Source) -> Iterator[str]:
    """SQL stands in ``.sql`` files, not in strings."""
    for line, text in strings_of(source):
        if _SQL.search(text):
            yield source.fault(line, f"SQL in a string: {text.strip()[:40]!r}")


def assets_elsewhere(source: Source) -> Iterator[str]:
    """Asset URIs have one home, ``plugins/media_dags/assets.py``."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] == "Asset":
            yield source.fault(node.lineno, "makes an Asset: they are declared in plugins/media_dags/assets.py")


def skipped_tests(source: Source) -> Iterator[str]:
    """No test is skipped or expected to fail: a missing part is a failure."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in _SKIPS and dotted(node).split(".")[0] in _TESTING:
            yield source.fault(node.lineno, f"{dotted(node)}: a test that does not run proves nothing")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _TESTING:
            for alias in node.names:
                if alias.name in _SKIPS:
                    yield source.fault(node.lineno, f"imports {alias.name}: a test that does not run proves nothing")


_TESTING = frozenset({"pytest", "unittest", "self", "mark"})


def strings_of(source: Source) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string, pieces of f-strings included, docstrings and other bare strings left out."""
    bare = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


# --- DAG files -------------------------------------------------------------------------------------------------------


def is_task_function(node: ast.AST) -> bool:
    """Say whether a function's body runs in a task (``@task``, ``@task.branch``) rather than at parsing."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if dotted(target).split(".")[0] == "task":
            return True
    return False


def _parse_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when the file is parsed: everything but the bodies of tasks (their decorators do run)."""
    for child in ast.iter_child_nodes(node):
        if is_task_function(child):
            assert isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            for outside in (*child.decorator_list, child.args):
                yield outside
                yield from _parse_time_nodes(outside)
        else:
            yield child
            yield from _parse_time_nodes(child)


def parse_time_reads(source: Source) -> Iterator[str]:
    """Parsing is free: no Variable, no connection and no clock before a task runs."""
    for node in _parse_time_nodes(source.tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in _PARSE_TIME_CALLS or method in ("get_connection", "get_conn", "get_variable"):
                yield source.fault(
                    node.lineno, f"{name or method}() runs at every parse: use a template, a Param or SETTINGS"
                )


def dag_functions(source: Source) -> list[ast.FunctionDef]:
    """Return the functions under ``@dag``."""
    return [
        node
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef)
        and any(dotted(d.func if isinstance(d, ast.Call) else d).split(".")[-1] == "dag" for d in node.decorator_list)
    ]


def wrong_dag_file(source: Source) -> Iterator[str]:
    """One file, one pipeline: function = file stem, docstring first, short enough to read at a glance."""
    stem = source.path.stem
    functions = dag_functions(source)
    if [function.name for function in functions] != [stem]:
        names = ", ".join(function.name for function in functions) or "none"
        yield source.fault(1, f"must hold one @dag function named {stem}, has {names}")
    for function in functions:
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call):
                given = [k.value for k in decorator.keywords if k.arg == "dag_id"] + decorator.args[:1]
                for value in given:
                    if not (isinstance(value, ast.Constant) and value.value == stem):
                        yield source.fault(decorator.lineno, f"sets another dag_id than {stem}")
    yield from (source.fault(1, fault) for fault in wrong_doc(stem, ast.get_docstring(source.tree)))
    lines = len(source.text.splitlines())
    if lines > LONGEST_DAG_FILE:
        yield source.fault(lines, f"{lines} lines; a DAG file is a table of contents of {LONGEST_DAG_FILE} at most")


def wrong_doc(dag_id: str, doc: str | None) -> Iterator[str]:
    """A DAG's page says its name, and in a table when it runs, what it reads and writes, and what to do if it fails.

    >>> list(wrong_doc("sail", "# sail\\n\\nGo.\\n\\n| | |\\n|---|---|\\n| **Runs** | daily |\\n| **Reads** | wind |"))
    ["the doc has no row '| **Writes** | ... |'", "the doc has no row '| **If it fails** | ... |'"]
    """
    if not doc:
        yield "has no docstring: the DAG would have no page"
        return
    if not doc.strip().startswith(f"# {dag_id}\n"):
        yield f"the doc must begin with the title '# {dag_id}'"
    for row in ("Runs", "Reads", "Writes", "If it fails"):
        if not re.search(rf"^\|\s*\*\*{row}\*\*\s*\|\s*[^|\s].*\|\s*$", doc, re.MULTILINE):
            yield f"the doc has no row '| **{row}** | ... |'"


# --- folders ---------------------------------------------------------------------------------------------------------


def misplaced_init_files(root: Path = ROOT) -> list[str]:
    """No ``__init__.py`` where it would hide something.

    In ``docker/`` it hides the installed docker SDK; in ``plugins/`` and ``dags/`` it gives every module a second name.
    """
    folders = [root / name for name in ("docker", "plugins", "dags", "include")]
    folders += [path for path in (root / "docker").glob("*") if path.is_dir()]
    allowed = root / "include" / "__init__.py"  # a package in its own right, should it ever need the file
    return [
        f"{(folder / '__init__.py').relative_to(root)} must not be there"
        for folder in folders
        if (folder / "__init__.py").exists() and folder / "__init__.py" != allowed
    ]


def unlisted_packages(plugins: Path) -> list[str]:
    """``plugins/.airflowignore`` lists each package, one ``<name>/`` a line, and nothing that is not there.

    The loader would execute every file of a package that is not listed, under its bare stem.
    """
    ignore = plugins / ".airflowignore"
    lines = ignore.read_text("utf-8").splitlines() if ignore.exists() else []
    listed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    packages = {f"{path.name}/" for path in plugins.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    wrong = [f"{package} is not listed in plugins/.airflowignore" for package in sorted(packages - set(listed))]
    return wrong + [
        f"plugins/.airflowignore lists {line}, which is no package" for line in listed if line not in packages
    ]
