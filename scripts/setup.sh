# Sourced by the other scripts: makes sure of the system packages and of an up-to-date .venv.
#
# `setup [PACKAGE...]` returns once $root/.venv holds what requirements.lock pins, plus this
# project in editable form. Packages named as arguments are needed on top of the usual ones. When
# nothing changed since the last time, it costs a few checks and no network.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'setup: %s\n' "$*" >&2; }

# Prints a Python that is new enough and can make environments and build extensions; fails if there is none.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" - 2>/dev/null <<'PYTHON'
import os, sys, sysconfig
import ensurepip, venv
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
sys.exit(sys.version_info < (3, 11) or not os.path.exists(header))
PYTHON
        then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Prints the Debian packages that this machine still lacks, one a line.
missing_packages() {
    command -v fusermount3 >/dev/null || echo fuse3
    command -v gcc >/dev/null || echo gcc libc6-dev # for a Python or a processor that some package has no wheel for
    command -v bwrap >/dev/null || echo bubblewrap
    find_python >/dev/null || echo python3 python3-venv python3-dev
    local extra
    for extra in "$@"; do # PACKAGE, or COMMAND=PACKAGE where they have different names
        command -v "${extra%%=*}" >/dev/null && continue
        echo "${extra#*=}"
        [ "$extra" != chromium ] || echo fonts-dejavu-core # without any font its pages are empty
    done
}

install_packages() {
    local packages
    mapfile -t packages < <(missing_packages "$@" | tr ' ' '\n')
    [ ${#packages[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "these system packages are missing: ${packages[*]}"
        say "type:  sudo apt-get install ${packages[*]}"
        exit 1
    fi
    say "installing system packages: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
    mapfile -t packages < <(missing_packages "$@" | tr ' ' '\n')
    if [ ${#packages[@]} -ne 0 ]; then
        say "still missing after apt-get: ${packages[*]} (Python 3.11 or newer is needed)"
        exit 1
    fi
}

# What the environment was made from: a change in any of these makes it stale.
wanted() {
    (cd "$root" && echo "$root" && sha256sum requirements.lock pyproject.toml)
}

make_environment() {
    local venv="$root/.venv" log
    [ "$(cat "$venv/.made-from" 2>/dev/null)" = "$(wanted)" ] && "$venv/bin/python" -c '' 2>/dev/null && return
    say "preparing $venv (a minute or two the first time)"
    log=$(mktemp)
    # An environment made for another place has that place in its scripts, so it is made anew.
    if [ "$(head -n 1 "$venv/.made-from" 2>/dev/null)" != "$root" ] || ! "$venv/bin/python" -m pip -V >/dev/null 2>&1; then
        "$(find_python)" -m venv --clear "$venv"
    fi
    rm -f "$venv/.made-from"
    local pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input install)
    # pip compiles to bytecode as it installs: a first import from source takes seconds.
    if ! { "${pip[@]}" --require-hashes -r "$root/requirements.lock" &&
        "${pip[@]}" --no-deps --no-build-isolation -e "$root" &&
        "$venv/bin/python" -m compileall -q "$root/store" "$root/pfsfuse"; } >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        say "the environment could not be made; the end of what pip said is above, all of it in $log"
        exit 1
    fi
    rm -f "$log"
    wanted >"$venv/.made-from"
}

setup() {
    install_packages "$@"
    exec 9<"$root/pyproject.toml" # two scripts started at once take turns
    flock 9
    make_environment
    exec 9<&-
}
