#!/usr/bin/env bash
# Installs what the tests need and this machine lacks, then runs every test. Arguments are handed to `cargo test`.
#
# Needed are Git, a systemd that can be started in namespaces of its own, and the real codex program; nothing of it needs an account.
# At run time the registries of npm, Python and Rust are asked, by the tests of `prepare`, and nobody else.
# As root, Debian's packages are installed by apt; otherwise what is missing is listed, and nothing is changed.
set -euo pipefail
cd "$(dirname "$0")/.."

# The codex release that the tests were written against.
CODEX=@openai/codex@0.169.0

missing=()
need() { # need PROGRAM-OR-FILE PACKAGE...
    command -v "$1" > /dev/null || [ -e "$1" ] || missing+=("${@:2}")
}
need git git
need cc gcc libc6-dev
# No test does: the fuzz targets, which `.ci/run` looks at.
need c++ g++
need npm nodejs npm
need /usr/lib/systemd/systemd systemd
need systemd-run systemd
need dbus-daemon dbus
need pkcheck polkitd
need /usr/sbin/sshd openssh-server
need useradd passwd
need pgrep procps
need unshare util-linux
need strace strace
need faketime faketime
need setpriv util-linux
need make make
need go golang-go
need python3 python3
python3 -c "import ensurepip" 2> /dev/null || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "These Debian packages are missing; install them as root, then run this again:" >&2
        echo "    apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # Packages must not start their services on this machine; the tests start their own, apart.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod 755 $policy
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    install() { apt-get install -y -qq --no-install-recommends "${missing[@]}" < /dev/null > /dev/null; }
    install || { apt-get update -qq && install; }
fi
if ! command -v cargo > /dev/null; then
    echo "There is no cargo; install Rust with rustup, then run this again." >&2
    exit 1
fi

# Into ./node_modules, which Git ignores; the tests look there.
if [ "$(node_modules/.bin/codex --version 2> /dev/null)" != "codex-cli ${CODEX##*@}" ]; then
    echo "Installing $CODEX"
    npm install --no-save --no-package-lock --no-audit --no-fund --silent "$CODEX" < /dev/null
fi

exec cargo test --workspace --no-fail-fast "$@"
