#!/bin/sh
# Make .venv as the requirements files say, with a Python that will do: `sh docker/stack/venv.sh run|dev`.
# What was installed is stamped by the content of those files, so that a second call costs nothing.
# Runs from the repository's root. PYTHON names the interpreter to use; UV_VERSION the uv to install with.
set -eu

kind="$1"
files="requirements.txt docker/aws/requirements.txt docker/sources/requirements.txt"
[ "$kind" = run ] || files="$files requirements-dev.txt"
stamp=".venv/.stamp-$kind"

# shellcheck disable=SC2086  # file names of ours, without spaces
wanted="uv $UV_VERSION $(cat $files | cksum)"
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ]; then
    exit 0
fi

will_do() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

if ! will_do .venv/bin/python; then
    chosen=""
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3 python \
            /usr/bin/python3.11 /usr/bin/python3.12 /opt/homebrew/bin/python3.11 /opt/homebrew/bin/python3.12; do
        if will_do "$candidate"; then chosen="$candidate"; break; fi
    done
    if [ -n "${PYTHON:-}" ] && [ "$chosen" != "$PYTHON" ]; then
        echo "PYTHON=$PYTHON is no Python 3.11 or 3.12 with the module venv: name another" >&2
        exit 2
    fi
    if [ -z "$chosen" ]; then
        echo "no Python 3.11 or 3.12 with the module venv found: install one (Debian: python3.11 and python3.11-venv;" \
            "macOS: brew install python@3.12) or name it with PYTHON=<path>" >&2
        exit 2
    fi
    free_kb="$(df -Pk . | awk 'NR == 2 { print $4 }')"
    if [ "$free_kb" -lt 3000000 ]; then
        echo "only $((free_kb / 1000)) MB free on the disk of $PWD, 3000 MB are needed to install: free some" >&2
        exit 2
    fi
    echo "making .venv with $("$chosen" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    "$chosen" -m venv --clear .venv
fi

rm -f .venv/.stamp-*
if ! .venv/bin/python -c "import importlib.metadata as m, sys; sys.exit(m.version('uv') != '$UV_VERSION')" 2>/dev/null; then
    echo "installing uv $UV_VERSION"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
fi
echo "installing $files"
set --
for file in $files; do set -- "$@" --requirement "$file"; done
VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv pip install --override docker/aws/overrides.txt "$@"
[ "$kind" = run ] || printf '%s\n' "uv $UV_VERSION $(cat requirements.txt docker/aws/requirements.txt \
docker/sources/requirements.txt | cksum)" >.venv/.stamp-run
printf '%s\n' "$wanted" >"$stamp"
