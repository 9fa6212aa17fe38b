#!/usr/bin/env bash
# Builds PiMainteno and makes it a service of this machine, or brings the service up to date: the program as /usr/local/bin/pi-mainteno,
# the configuration as /etc/pi-mainteno/PiMainteno.toml, and Pi-Maintainer.service, which is started anew if any of these changed and has to answer.
#
#   scripts/upload_service.sh [OPTION…]
#
#   --config FILE      the configuration of the service; without this, the one that is there stays, or the annotated one is put there
#   --owner USER       who owns the projects, where they do not tell; that of `sudo` or yours otherwise
#   --with-on-failure  also pi-mainteno-failed@.service, by which other units tell of their failure
#   --profile NAME     how it is built: dist (small, takes long; without this) or release
#   --program FILE     installs this program and builds nothing
#   --help             prints this
#
# Run it as yourself: what needs root is done by `sudo`. Done again, it changes only what differs.
set -euo pipefail

readonly PROGRAM=/usr/local/bin/pi-mainteno

fail() {
    echo "upload_service.sh: $*" >&2
    exit 2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

profile=dist
program=
owner=()
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --config | --owner | --profile | --program) [ $# -gt 1 ] || fail "\`$1\` needs a value" ;;
    esac
    case $1 in
    --config)
        arguments+=(--config "$(realpath -e -- "$2")")
        shift
        ;;
    --owner)
        owner=(--owner "$2")
        shift
        ;;
    --profile)
        profile=$2
        shift
        ;;
    --program)
        program=$(realpath -e -- "$2")
        shift
        ;;
    --with-on-failure) arguments+=(--with-on-failure) ;;
    --help)
        sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
        exit
        ;;
    *) fail "what is \`$1\`? \`--help\` tells what there is" ;;
    esac
    shift
done

if [ -z "$program" ]; then
    cd "$(dirname "$0")/.."
    command -v cargo > /dev/null || fail "there is no cargo; install Rust with rustup, and do not run this by sudo"
    cargo build --locked --profile "$profile" --package pimainteno-cli
    program=$(realpath -e -- "${CARGO_TARGET_DIR:-target}/$profile/pi-mainteno")
fi

if cmp --silent "$program" $PROGRAM; then
    echo "$PROGRAM is this program already"
else
    # All at once: one that runs goes on with its own.
    as_root install -D --mode=755 "$program" $PROGRAM.new
    as_root mv --force $PROGRAM.new $PROGRAM
    echo "$PROGRAM is this program now"
fi

# From a place where no configuration lies that would be taken for the one that is meant.
cd /
as_root $PROGRAM install --yes "${owner[@]}" "${arguments[@]}"
as_root $PROGRAM --config /etc/pi-mainteno/PiMainteno.toml status
