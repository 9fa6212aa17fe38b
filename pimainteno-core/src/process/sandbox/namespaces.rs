//! A world of its own for a command: its own processes, its own network, and directories that appear empty.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::CWD,
    mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, mount_remount, move_mount, open_tree},
    net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink::SocketAddrNetlink, recv, sendto, socket},
    process::{getegid, geteuid},
    thread::{
        CapabilitySet, UnshareFlags, capabilities, clear_ambient_capability_set, configure_capability_in_ambient_set, set_capabilities,
    },
};

use super::protocol::Plan;

/// The shared memory of POSIX. It counts as memory of nobody, so it is small.
const SHARED_MEMORY: (&str, &std::ffi::CStr) = ("/dev/shm", c"mode=1777,size=256m");

/// Where terminals are. Those of the machine could be listened to.
const TERMINALS: &str = "/dev/pts";

/// A part of the file system that stays visible in a covered directory.
struct Kept {
    path: PathBuf,
    tree: OwnedFd,
    is_directory: bool,
}

/// Enters new namespaces. The process namespace holds from the next child on.
pub(super) fn enter(plan: &Plan) -> io::Result<()> {
    let mut namespaces = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC;
    if !plan.sandbox.network {
        namespaces |= UnshareFlags::NEWNET;
    }
    // Root has the right to; anybody else has it among their own, and stays who they are there.
    let (user, group) = (geteuid(), getegid());
    if !user.is_root() {
        namespaces |= UnshareFlags::NEWUSER;
    }
    #[expect(deprecated, reason = "deprecated for the flag that unshares file descriptors, which is not used here")]
    rustix::thread::unshare(namespaces).map_err(told("no new namespaces"))?;
    if !user.is_root() {
        // Nobody may drop a group there: it could be one that keeps from a file.
        fs::write("/proc/self/setgroups", "deny").map_err(told("groups of the namespace"))?;
        fs::write("/proc/self/uid_map", format!("{0} {0} 1", user.as_raw())).map_err(told("users of the namespace"))?;
        fs::write("/proc/self/gid_map", format!("{0} {0} 1", group.as_raw())).map_err(told("groups of the namespace"))?;
    }
    if !plan.sandbox.network {
        loopback_up().map_err(told("loopback of the namespace"))?;
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(told("mounts of the namespace"))?;
    cover(plan)?;
    // The guard mounts its own `/proc`, and would lose the right to by being started, unless it is root.
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::SYS_ADMIN;
    set_capabilities(None, sets)?;
    configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?;
    Ok(())
}

/// Finishes what only a process inside of the new process namespace can: its own `/proc`, which shows no other processes and cannot be written to.
pub(super) fn settle(plan: &Plan) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).map_err(told("cannot mount `/proc`"))?;
    // From Linux 6.14 on this is a limit of the namespace, which also binds root. The first 300 numbers are not given twice.
    drop(fs::write("/proc/sys/kernel/pid_max", (plan.sandbox.limits.processes.saturating_add(332)).to_string()));
    mount_remount("/proc", flags | MountFlags::RDONLY, "").map_err(told("cannot mount `/proc` for reading only"))?;
    // Nobody after this inherits anything.
    clear_ambient_capability_set()?;
    let mut sets = capabilities(None)?;
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets)?;
    Ok(())
}

/// Puts empty directories over those that are nobody's business, and the private temporary directory over the common ones.
fn cover(plan: &Plan) -> io::Result<()> {
    let mut covered = plan.sandbox.covered();
    let private: Vec<_> = plan.private_temporary.iter().map(|path| Ok((path, tree(&plan.temporary())?))).collect::<io::Result<_>>()?;
    covered.extend(private.iter().map(|(path, _)| (*path).clone()));
    let mut visible: Vec<_> = plan.sandbox.visible().chain(fs::canonicalize(&plan.scratch)).collect();
    // A directory comes before what is in it.
    for paths in [&mut covered, &mut visible] {
        paths.sort();
        paths.dedup();
    }
    let mut kept: Vec<Kept> = Vec::new();
    for path in visible {
        let is_covered = covered.iter().any(|cover| path.starts_with(cover) && path != *cover);
        // What lies in something kept comes along with it, unless it is covered there again.
        let comes_along = kept.iter().any(|kept| {
            path.starts_with(&kept.path) && !covered.iter().any(|cover| cover.starts_with(&kept.path) && path.starts_with(cover))
        });
        if is_covered && !comes_along {
            kept.push(Kept { tree: tree(&path)?, is_directory: path.is_dir(), path });
        }
    }
    for path in covered.iter().filter(|path| path.is_dir()) {
        match private.iter().find(|(temporary, _)| *temporary == path) {
            Some((_, tree)) => place(tree, path)?,
            None => empty(path, c"mode=0755,size=16m")?,
        }
    }
    for Kept { path, tree, is_directory } in kept {
        if is_directory {
            fs::create_dir_all(&path).map_err(told(path.display()))?;
        } else {
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, "")).map_err(told(path.display()))?;
        }
        place(&tree, &path)?;
    }
    if Path::new(TERMINALS).is_dir() {
        // `/dev/ptmx` makes its terminals in the directory beside it (Linux 4.7).
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        mount("devpts", TERMINALS, "devpts", flags, Some(c"mode=0620,ptmxmode=0666")).map_err(told(TERMINALS))?;
    }
    if Path::new(SHARED_MEMORY.0).is_dir() {
        empty(Path::new(SHARED_MEMORY.0), SHARED_MEMORY.1)?;
    }
    Ok(())
}

fn tree(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::AT_RECURSIVE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(CWD, path, flags).map_err(told(path.display()))
}

fn place(tree: &OwnedFd, path: &Path) -> io::Result<()> {
    move_mount(tree, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(told(path.display()))
}

fn empty(path: &Path, options: &std::ffi::CStr) -> io::Result<()> {
    mount("tmpfs", path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(options)).map_err(told(path.display()))
}

/// Switches on the loopback interface, by the one message that the kernel wants for it (`rtnetlink(7)`).
fn loopback_up() -> io::Result<()> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST_AND_ACK: u16 = 1 | 4;
    const IFF_UP: u32 = 1;
    // In a new network namespace it is the first interface, and the only one.
    const INDEX: i32 = 1;
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_AND_ACK.to_ne_bytes());
    // Sequence number and port; then family and type of the interface, which are left open.
    message.extend([0; 8]);
    message.extend([0; 4]);
    message.extend(INDEX.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 64];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    // An acknowledgement is an error message with the error 0.
    match answer.get(16..20).filter(|_| length >= 20).map(<[u8; 4]>::try_from) {
        Some(Ok(code)) if i32::from_ne_bytes(code) == 0 => Ok(()),
        Some(Ok(code)) => Err(io::Error::from_raw_os_error(-i32::from_ne_bytes(code))),
        _ => Err(io::Error::other("the kernel gave no answer")),
    }
}

/// Says what could not be done, before the reason.
fn told<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> io::Error {
    move |error| io::Error::other(format!("{what}: {error}"))
}
