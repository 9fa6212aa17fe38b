//! Which system calls a sandboxed command cannot make: those that reach around the other walls, or
//! that only break out of them.
//!
//! What is missing is answered as an old kernel would (`ENOSYS`), where programs then take another
//! way; what is refused is answered with `EPERM`, and a socket of a family that is not allowed as
//! one that the kernel does not know.
//!
//! A `chmod` that sets the set-group-ID bit is answered as done, and is not made: for a directory,
//! where Git (`core.sharedRepository`), `tar` and `cp -a` ask for it, the bit grants nobody
//! anything, but a filter does not see what a path is. A directory still gets it from the one that
//! it is made in.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter, sock_filter,
};

/// Calls that are refused whatever their arguments.
const REFUSED: [c_long; 46] = [
    // Keyrings have no namespace, and the session's is inherited.
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    // What another process does.
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    // Large doors into the kernel.
    libc::SYS_bpf,
    libc::SYS_fanotify_init,
    libc::SYS_lookup_dcookie,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    // The file system's shape.
    libc::SYS_chroot,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    // The machine.
    libc::SYS_acct,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_syslog,
    libc::SYS_vhangup,
];

/// `open_tree_attr(2)`, which has the same number on every architecture (Linux 6.15).
const OPEN_TREE_ATTR: c_long = 467;

/// Calls that programs do without where a kernel has not got them.
const MISSING: [c_long; 7] = [
    // Its flags are in memory, where a filter cannot look; whoever has not got it takes `clone`.
    libc::SYS_clone3,
    // A way past the filters of other calls.
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    // Memory that nobody counts.
    libc::SYS_memfd_secret,
    // As `clone3`: it can make a file that has a set-user-ID bit from the beginning.
    libc::SYS_openat2,
    OPEN_TREE_ATTR,
];

/// Families of sockets that reach no further than the network namespace and the file system:
/// `unix(7)`, `ip(7)`, `ipv6(7)`, `netlink(7)`.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The bits that make a program run as its owner or its group, whoever starts it.
const SET_ID: [u64; 2] = [SET_USER_ID, SET_GROUP_ID];
const SET_USER_ID: u64 = libc::S_ISUID as u64;
const SET_GROUP_ID: u64 = libc::S_ISGID as u64;

/// The flags of `open(2)` with which it makes a file. That of `O_TMPFILE` is its own bit alone.
const CREATING: [u64; 2] = [libc::O_CREAT as u64, (libc::O_TMPFILE & !libc::O_DIRECTORY) as u64];

/// `TIOCSTI` and `TIOCLINUX`, by which input is typed into a terminal (`ioctl_tty(2)`).
const TYPING: [u64; 2] = [0x5412, 0x541c];

/// The flags that make namespaces.
const NAMESPACES: [u64; 7] = [
    libc::CLONE_NEWUSER as u64,
    libc::CLONE_NEWNS as u64,
    libc::CLONE_NEWPID as u64,
    libc::CLONE_NEWNET as u64,
    libc::CLONE_NEWIPC as u64,
    libc::CLONE_NEWUTS as u64,
    libc::CLONE_NEWCGROUP as u64,
];

/// Calls that give a file another mode, and which of their arguments that is.
const CALLS_THAT_CHANGE_MODE: &[(c_long, u8)] = &[
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (libc::SYS_fchmodat2, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
];

/// Calls that may make a file, and which of their arguments has the flags; the next one is the
/// mode.
const CALLS_THAT_OPEN: &[(c_long, u8)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// `creat(2)`, whose second argument is a mode.
const CALLS_THAT_CREATE: &[(c_long, u8)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1),
];

/// Calls that make files of any kind, and which of their arguments says the kind.
const CALLS_THAT_MAKE_NODES: &[(c_long, u8)] = &[
    (libc::SYS_mknodat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
];

/// Whether system calls can be filtered on this architecture.
pub(super) fn is_supported() -> bool {
    target().is_ok()
}

/// Refuses them from now on, for this process and whatever descends from it. With `sockets`,
/// sockets can be made as far as they reach nothing outside; without, only pairs of them.
///
/// The error is a sentence.
pub(super) fn refuse(sockets: bool) -> Result<(), String> {
    let programs = programs(sockets).map_err(|error| error.to_string())?;
    programs.iter().try_for_each(|program| apply_filter(program)).map_err(|error| error.to_string())
}

fn programs(sockets: bool) -> Result<Vec<BpfProgram>, BackendError> {
    let mut refused: BTreeMap<c_long, Vec<SeccompRule>> =
        REFUSED.map(|call| (call, Vec::new())).into();
    for call in [libc::SYS_clone, libc::SYS_unshare] {
        refused.insert(call, with_any_bit(0, &NAMESPACES)?);
    }
    for (call, argument) in CALLS_THAT_CREATE {
        refused.insert(*call, with_any_bit(*argument, &SET_ID)?);
    }
    let mut pretended = BTreeMap::new();
    for (call, argument) in CALLS_THAT_CHANGE_MODE {
        refused.insert(*call, with_any_bit(*argument, &[SET_USER_ID])?);
        pretended.insert(*call, with_any_bit(*argument, &[SET_GROUP_ID])?);
    }
    for (call, argument) in CALLS_THAT_OPEN {
        // Of a file that is not made, the mode is whatever happens to be there.
        let makes = CREATING.iter().flat_map(|flag| SET_ID.iter().map(move |bit| (*flag, *bit)));
        let rules = makes.map(|(flag, bit)| {
            let both = vec![
                condition(*argument, SeccompCmpOp::MaskedEq(flag), flag)?,
                condition(*argument + 1, SeccompCmpOp::MaskedEq(bit), bit)?,
            ];
            SeccompRule::new(both)
        });
        refused.insert(*call, rules.collect::<Result<_, _>>()?);
    }
    for (call, argument) in CALLS_THAT_MAKE_NODES {
        let mut rules = with_any_bit(*argument, &SET_ID)?;
        for device in [libc::S_IFBLK, libc::S_IFCHR] {
            let is_device = SeccompCmpOp::MaskedEq(u64::from(libc::S_IFMT));
            rules.push(rule(*argument, is_device, u64::from(device))?);
        }
        refused.insert(*call, rules);
    }
    let typing = TYPING.iter().map(|request| rule(1, SeccompCmpOp::Eq, *request));
    refused.insert(libc::SYS_ioctl, typing.collect::<Result<_, _>>()?);
    let missing = MISSING.map(|call| (call, Vec::new())).into();
    let allowed = if sockets { &FAMILIES[..] } else { &[libc::AF_NETLINK] };
    let foreign = allowed
        .iter()
        .map(|family| condition(0, SeccompCmpOp::Ne, *family as u64))
        .collect::<Result<_, _>>()?;
    let families = [(libc::SYS_socket, vec![SeccompRule::new(foreign)?])].into();
    // Of two filters with the same action the newer one is heard: what asks for both bits is
    // refused.
    let answers = [
        (pretended, 0),
        (refused, libc::EPERM),
        (missing, libc::ENOSYS),
        (families, libc::EAFNOSUPPORT),
    ];
    let mut programs = answers
        .map(|(rules, error)| program(rules, error))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    programs.extend(second_numbering());
    Ok(programs)
}

fn program(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    error: i32,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(error.unsigned_abs()),
        target()?,
    )?
    .try_into()
}

fn target() -> Result<seccompiler::TargetArch, BackendError> {
    std::env::consts::ARCH.try_into()
}

fn with_any_bit(argument: u8, bits: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    bits.iter().map(|bit| rule(argument, SeccompCmpOp::MaskedEq(*bit), *bit)).collect()
}

fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![condition(argument, operator, value)?])
}

/// The kernel looks at no more than 32 bits of what is compared here.
fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

/// On x86-64 each call has a second number, with a bit set, for programs of the x32 kind: none of
/// them is there.
fn second_numbering() -> Option<BpfProgram> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    const LOAD_NUMBER: (u16, u32) = (0x20, 0);
    const IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const X32: u32 = 0x4000_0000;
    let statement = |code, k| sock_filter { code, jt: 0, jf: 0, k };
    Some(vec![
        statement(LOAD_NUMBER.0, LOAD_NUMBER.1),
        sock_filter { code: IF_AT_LEAST, jt: 0, jf: 1, k: X32 },
        statement(RETURN, u32::from(SeccompAction::Errno(libc::ENOSYS.unsigned_abs()))),
        statement(RETURN, u32::from(SeccompAction::Allow)),
    ])
}
