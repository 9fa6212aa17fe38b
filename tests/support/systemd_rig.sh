#!/usr/bin/env bash
# Boots a real systemd as process 1 of namespaces of its own, beside whatever the machine itself runs, for tests. Needs root.
#
#   systemd_rig.sh up         boots; nothing to do if it is up already
#   systemd_rig.sh exec CMD…  runs CMD inside, in the current directory if that is shared; the exit code is CMD's
#   systemd_rig.sh down       kills everything inside and leaves nothing behind
#   systemd_rig.sh hold       up, a line `ready`, then down when its standard input ends, that is when the caller is gone
#
# RIG_NAME   names the instance, so that several can be up at once (default: default)
# RIG_SHARE  directories that are the machine's own inside too (default: /tmp). Everything else is an overlay: what is written vanishes.
#
# Inside are a system bus, a journal in memory and nothing else that the machine would start. The network is the machine's.
# It keeps tests apart from the machine; it does not keep out a program that wants to do harm.
set -euo pipefail

readonly self=$(readlink -f "${BASH_SOURCE[0]}")
readonly name=${RIG_NAME:-default}
readonly share=${RIG_SHARE:-/tmp}
readonly state=/run/pimainteno-rig/$name
readonly systemd=/usr/lib/systemd/systemd
# What no namespace covers: the clock, kernel modules, the kernel's log, raw devices.
readonly without=-sys_time,-sys_module,-syslog,-sys_rawio

fail() {
  echo "systemd_rig.sh: $*" >&2
  exit 125
}

check() {
  [[ $name =~ ^[A-Za-z0-9_-]+$ ]] || fail "bad RIG_NAME: \`$name\`"
  [ "$(id -u)" = 0 ] || fail "must be run as root"
  local missing=()
  [ -x "$systemd" ] || missing+=(systemd)
  [ -x "$(command -v dbus-daemon)" ] || missing+=(dbus)
  [ -x "$(command -v nsenter)" ] && [ -x "$(command -v setpriv)" ] || missing+=(util-linux)
  [ ${#missing[@]} = 0 ] || fail "missing Debian packages: ${missing[*]}"
  cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  [ -n "$cgroup" ] || fail "no cgroup2 file system is mounted"
  cgroup+=/pimainteno-rig-$name
}

# Prints the process id of the rig's systemd. A recycled id is not taken for it: the process must live in a root that carries our name.
init() {
  local pid
  read -r pid 2>/dev/null <"$state/pid" && [ "$(cat "/proc/$pid/root/run/rig" 2>/dev/null)" = "$name" ] && echo "$pid"
}

inside() {
  local pid=$1
  shift
  # Whoever kills nsenter kills the command with it.
  exec nsenter --target "$pid" --mount --uts --ipc --cgroup --pid -- setpriv --pdeathsig KILL --bounding-set="$without" --inh-caps="$without" -- \
    /bin/sh -c 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"' rig "$PWD" "$@"
}

up() {
  init >/dev/null && return
  down
  mkdir -p "$state/mount" "$cgroup"
  # In a session of its own and without the caller's descriptors, so that nobody waits for it.
  RIG_CGROUP=$cgroup setsid unshare --mount --propagation private --pid --fork --uts --ipc -- "$self" boot </dev/null >"$state/log" 2>&1 &
  local supervisor=$! pid tries
  for ((tries = 0; tries < 600; tries++)); do
    if pid=$(init) && (inside "$pid" systemctl is-active --quiet rig.target) 2>/dev/null; then
      return
    fi
    kill -0 "$supervisor" 2>/dev/null || break
    sleep 0.05
  done
  cat "$state/log" >&2
  [ -z "$pid" ] || (inside "$pid" journalctl --no-pager --lines=50) >&2 || true
  kill -KILL "$supervisor" 2>/dev/null || true
  down
  fail "systemd did not boot"
}

down() {
  local pid tries
  # The end of process 1 is the end of its whole namespace.
  if pid=$(init); then kill -KILL "$pid" || true; fi
  for ((tries = 0; tries < 200; tries++)); do
    [ ! -e "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -e "$cgroup" ] || break
    sleep 0.05
  done
  [ ! -e "$cgroup" ] || fail "could not remove $cgroup"
  rm -rf --one-file-system "$state"
  rmdir "${state%/*}" 2>/dev/null || true
}

# Runs as process 1 of the new process namespace, with the machine's /proc still in place.
boot() {
  local pid
  read -r pid _ </proc/self/stat
  echo "$pid" >"$state/pid"
  echo 0 >"$RIG_CGROUP/cgroup.procs"
  exec unshare --cgroup -- "$self" enter
}

enter() {
  local upper=$state/mount root=$state/mount/root node directory unit
  mount -t tmpfs -o mode=0755 rig "$upper"
  mkdir "$upper/upper" "$upper/work" "$root"
  mount -t overlay -o "lowerdir=/,upperdir=$upper/upper,workdir=$upper/work" rig "$root"
  mountpoint --quiet "$root"
  cd "$root"

  mount -t proc proc proc
  mount --bind proc/sys proc/sys
  mount -o remount,bind,ro proc/sys
  [ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=0755 tmpfs run
  # As tmpfiles would: those of the group read the journal, and others do not.
  install --directory --mode=2755 --group=systemd-journal run/log/journal
  mount -t tmpfs -o mode=0755 tmpfs dev
  for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
  done
  mkdir dev/shm dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  for directory in $share; do
    mkdir -p "./$directory"
    mount --rbind "$directory" "./$directory"
  done

  # Nothing of what the machine would start is started; above all no tmpfiles, which would empty the shared /tmp.
  rm -rf etc/systemd/system etc/systemd/*.conf.d usr/lib/systemd/system/*.target.wants usr/lib/systemd/system-generators var/log/journal
  mkdir -p etc/systemd/system/sysinit.target.wants etc/systemd/journald.conf.d
  : >etc/fstab
  for unit in tmp.mount systemd-journald-audit.socket systemd-tmpfiles-{setup,setup-dev,clean}.service systemd-tmpfiles-clean.timer; do
    ln -s /dev/null "etc/systemd/system/$unit"
  done
  ln -s /usr/lib/systemd/system/systemd-journald.{service,socket} etc/systemd/system/sysinit.target.wants/
  printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n' >etc/systemd/journald.conf.d/rig.conf
  printf '[Unit]\nRequires=basic.target dbus.service\nAfter=basic.target dbus.service\n' >etc/systemd/system/rig.target

  mkdir old
  pivot_root . old
  umount --lazy /old
  rmdir /old
  mount --make-rshared /
  echo "$name" >/run/rig
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 container=rig \
    setpriv --bounding-set="$without" --inh-caps="$without" -- "$systemd" --system --unit=rig.target --show-status=no
}

case ${1:-} in
boot | enter) "$1" ;;
up | down) check && "$1" ;;
exec)
  check
  shift
  pid=$(init) || fail "not up: \`$name\`"
  inside "$pid" "$@"
  ;;
hold)
  check
  trap down EXIT
  up
  echo ready
  cat >/dev/null
  ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$self" && exit 2 ;;
esac
