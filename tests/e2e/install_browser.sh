#!/usr/bin/env bash
# Print the path of a Chromium for the browser tests: what CHROMIUM_PATH names, else one on PATH, else, as root on Debian,
# the one that apt-get installs here. Without any: one line that says what to do, and exit status 1.
set -euo pipefail

found() {
    local name
    for name in /usr/bin/chromium chromium chromium-browser google-chrome google-chrome-stable; do
        if [ -x "$(command -v "$name")" ]; then command -v "$name"; return 0; fi
    done
    return 1
}

if [ -n "${CHROMIUM_PATH:-}" ]; then
    [ -x "$CHROMIUM_PATH" ] && { echo "$CHROMIUM_PATH"; exit 0; }
    echo "no browser for the browser tests: CHROMIUM_PATH=$CHROMIUM_PATH is no program, name another or unset it" >&2
    exit 1
fi
found && exit 0

why="install Chromium or name one with CHROMIUM_PATH"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "no Chromium here: installing Debian's with apt-get, for the browser tests" >&2
    log="$(mktemp)"
    if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
            >"$log" 2>&1 && found; then
        rm -f "$log"
        exit 0
    fi
    why="apt-get could not install it, see $log; $why"
fi
echo "no browser for the browser tests: $why" >&2
exit 1
