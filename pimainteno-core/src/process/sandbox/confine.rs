//! The last stage before the command: limits of the process, Landlock, and the calls that it cannot
//! make.

#![expect(clippy::disallowed_methods, reason = "the helper is a process of its own")]

use std::{env, io, path::PathBuf};

use keyutils::Keyring;
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    RestrictionStatus, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::{
    process::{Resource, Rlimit, geteuid, getrlimit, setrlimit},
    thread::{CapabilitySet, remove_capability_from_bounding_set},
};

use super::{
    named_places::NamedPlaces,
    protocol::{Plan, told},
    root::{DEVICES, SHARED_MEMORY, TEMPORARY, TERMINALS},
    seccomp, watch,
};

/// The newest version of Landlock that is made use of; older kernels do what they can.
const NEWEST: ABI = ABI::V9;

/// How many files a process may open at most, which is what most systems allow.
const OPEN_FILES: u64 = 65_536;

/// What is left of root's powers: those over files and processes, which Landlock and namespaces
/// bound. What configures the machine is not among them.
const POWERS: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// Confines this process and whatever it becomes.
pub(super) fn confine(plan: &Plan) -> io::Result<()> {
    env::set_current_dir(&plan.directory)
        .map_err(told(format_args!("cannot go to `{}`", plan.directory.display())))?;
    limit(plan).map_err(told("cannot set the limits of a process"))?;
    disempower().map_err(told("cannot give up capabilities"))?;
    // What this program was started with open, knowingly or not, is nothing for the command.
    close_fds::set_fds_cloexec(3, &[]);
    // The session's keyring is inherited, whatever the namespaces. Where calls are filtered, nobody
    // gets at it in any case, and not every kernel has any.
    if let Err(error) = Keyring::join_anonymous_session()
        && !plan.sandbox.support.system_calls
        && !matches!(error.0, libc::ENOSYS | libc::EPERM)
    {
        return Err(told("cannot have a keyring of its own")(error));
    }
    if plan.sandbox.support.landlock > 0 {
        let restricted = restrict(plan).map_err(told("Landlock"))?;
        if restricted.ruleset == RulesetStatus::NotEnforced {
            return Err(io::Error::other("Landlock does nothing here any more"));
        }
    }
    if plan.sandbox.support.system_calls {
        // Without a network namespace every socket reaches the machine.
        let sockets = plan.sandbox.support.has_namespaces() || plan.sandbox.network;
        seccomp::refuse(sockets).map_err(told("system calls cannot be filtered"))?;
    }
    Ok(())
}

/// The version of Landlock that the kernel has, found out by restricting this process to nothing; 0
/// if it has none.
pub(super) fn landlock_version() -> u32 {
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(Ruleset::create)
        .and_then(RulesetCreated::restrict_self);
    match restricted.map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, kernel_abi }) => {
            kernel_abi.and_then(|abi| u32::try_from(abi).ok()).unwrap_or(effective_abi as u32)
        }
        Ok(LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) | Err(_) => 0,
    }
}

fn restrict(plan: &Plan) -> Result<RestrictionStatus, RulesetError> {
    let (all, read) = (AccessFs::from_all(NEWEST), AccessFs::from_read(NEWEST));
    let device = AccessFs::from_file(NEWEST) & !BitFlags::from(AccessFs::Execute);
    let devices = DEVICES.iter().chain(&["/dev/ptmx", TERMINALS]);
    let sandbox = &plan.sandbox;
    let mut places = NamedPlaces::new(sandbox);
    let mut found =
        |paths: &[PathBuf]| paths.iter().filter_map(|path| places.find(path)).collect::<Vec<_>>();
    let temporary = match sandbox.support.has_namespaces() {
        true => TEMPORARY.map(PathBuf::from).to_vec(),
        false => vec![plan.temporary()],
    };
    let ruleset =
        Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(all)?;
    ruleset
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(found(&sandbox.read), read))?
        .add_rules(path_beneath_rules(found(&sandbox.write), all))?
        .add_rules(path_beneath_rules(sandbox.layers.iter().map(|layer| &layer.at), all))?
        .add_rules(path_beneath_rules(&temporary, all))?
        .add_rules(path_beneath_rules([SHARED_MEMORY.0], all))?
        .add_rules(path_beneath_rules(devices, device | AccessFs::ReadDir))?
        .restrict_self()
}

/// Gives up what root can do, as of the next program.
fn disempower() -> rustix::io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    for capability in CapabilitySet::all().difference(POWERS).iter() {
        match remove_capability_from_bounding_set(capability) {
            // The kernel does not know it.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn limit(plan: &Plan) -> rustix::io::Result<()> {
    let limits = &plan.sandbox.limits;
    let lower = |resource, value: u64| {
        let Rlimit { current, maximum } = getrlimit(resource);
        let at_most = |limit: Option<u64>| Some(limit.unwrap_or(u64::MAX).min(value));
        setrlimit(resource, Rlimit { current: at_most(current), maximum: at_most(maximum) })
    };
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, limits.disk.saturating_sub(plan.sandbox.used.disk))?;
    lower(Resource::Nofile, OPEN_FILES)?;
    // In a user namespace of its own the kernel counts what is in there; elsewhere, whatever else
    // the user runs. It never counts for root.
    let others = if plan.sandbox.support.has_namespaces() { 3 } else { watch::tasks_of_user() };
    lower(Resource::Nproc, u64::from(limits.processes).saturating_add(others))
}
