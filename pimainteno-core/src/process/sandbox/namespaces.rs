//! A world of its own for a command: its own processes, its own network, and a file system that is
//! put together for it.

use std::{fs, io};

use rustix::{
    mount::{MountPropagationFlags, mount_change},
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketType, netlink::SocketAddrNetlink, recv, sendto,
        socket,
    },
    process::{getegid, geteuid},
    thread::{
        CapabilitySet, UnshareFlags, capabilities, clear_ambient_capability_set,
        configure_capability_in_ambient_set, set_capabilities,
    },
};

use super::{
    protocol::{Plan, told},
    root,
};

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
    #[expect(
        deprecated,
        reason = "deprecated for the flag that unshares file descriptors, which is not used here"
    )]
    rustix::thread::unshare(namespaces).map_err(told("no new namespaces"))?;
    if !user.is_root() {
        // Nobody may drop a group there: it could be one that keeps from a file.
        fs::write("/proc/self/setgroups", "deny").map_err(told("groups of the namespace"))?;
        fs::write("/proc/self/uid_map", format!("{0} {0} 1", user.as_raw()))
            .map_err(told("users of the namespace"))?;
        fs::write("/proc/self/gid_map", format!("{0} {0} 1", group.as_raw()))
            .map_err(told("groups of the namespace"))?;
    }
    if !plan.sandbox.network {
        loopback_up().map_err(told("loopback of the namespace"))?;
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(told("mounts of the namespace"))?;
    root::build(plan)?;
    // The guard mounts its own `/proc` and changes the root, and would lose the right to by being
    // started, unless it is root.
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::SYS_ADMIN;
    set_capabilities(None, sets)?;
    configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?;
    Ok(())
}

/// Finishes what only a process inside of the new process namespace can: it turns into the new
/// root, and nobody after this inherits any capability.
pub(super) fn settle(plan: &Plan) -> io::Result<()> {
    root::turn_into(plan)?;
    clear_ambient_capability_set()?;
    let mut sets = capabilities(None)?;
    sets.inheritable = CapabilitySet::empty();
    set_capabilities(None, sets)?;
    Ok(())
}

/// Switches on the loopback interface, by the one message that the kernel wants for it
/// (`rtnetlink(7)`).
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
