//! The exit statuses that have a name: those by which systemd says that it never came to run the
//! program, and those that programs agreed on.

/// A status that systemd itself ends a unit's process with, before the program is run.
pub(super) struct SetupStatus {
    /// The number, from 200 on.
    pub(super) status: i32,
    /// What systemd writes behind the number, such as `EXEC`.
    pub(super) name: &'static str,
    /// What failed, as a part of a sentence: "its user does not exist".
    pub(super) meaning: &'static str,
    /// What a person can do, as a sentence.
    pub(super) remedy: &'static str,
}

/// Why systemd could not run a unit's program, if `status` says that.
pub(super) fn setup(status: i32) -> Option<&'static SetupStatus> {
    SETUP.iter().find(|setup| setup.status == status)
}

/// The name of a status that the LSB, the BSDs or systemd gave one, such as `CONFIG` for 78.
pub(super) fn name(status: i32) -> Option<&'static str> {
    let agreed = AGREED.iter().find(|(number, _)| *number == status).map(|(_, name)| *name);
    agreed.or_else(|| setup(status).map(|setup| setup.name))
}

const fn row(
    status: i32,
    name: &'static str,
    meaning: &'static str,
    remedy: &'static str,
) -> SetupStatus {
    SetupStatus { status, name, meaning, remedy }
}

/// From systemd.exec(5), "Process exit codes". 223 and 234 belong to nobody any more; the manual
/// has 245 for BPF where the program has 244.
static SETUP: [SetupStatus; 44] = [
    row(
        200,
        "CHDIR",
        "its working directory could not be entered",
        "Make the directory that WorkingDirectory= names, let the unit's user enter it, or correct that line.",
    ),
    row(
        201,
        "NICE",
        "its scheduling priority could not be set",
        "Correct Nice= in the unit, or raise LimitNICE=.",
    ),
    row(
        202,
        "FDS",
        "file descriptors could not be passed to it",
        "Look at the sockets and OpenFile= that the unit is given.",
    ),
    row(
        203,
        "EXEC",
        "its program could not be executed",
        "Check that the program that ExecStart= names is there, may be executed by the unit's user, is for this machine's architecture, and that the interpreter in its first line is installed.",
    ),
    row(
        204,
        "MEMORY",
        "there was not enough memory to start it",
        "Free memory, or add some, and start the unit again.",
    ),
    row(
        205,
        "LIMITS",
        "its resource limits could not be set",
        "Correct the Limit…= lines of the unit: they may ask for more than the hard limits allow.",
    ),
    row(
        206,
        "OOM_ADJUST",
        "its OOM score could not be set",
        "Correct OOMScoreAdjust= in the unit.",
    ),
    row(
        207,
        "SIGNAL_MASK",
        "its signal mask could not be set",
        "Start the unit again; if it goes on, look at the journal of systemd.",
    ),
    row(
        208,
        "STDIN",
        "its standard input could not be set up",
        "Correct StandardInput= in the unit, or make the file or terminal that it names.",
    ),
    row(
        209,
        "STDOUT",
        "its standard output could not be set up",
        "Correct StandardOutput= in the unit, or make the directory of the file that it names.",
    ),
    row(
        210,
        "CHROOT",
        "its root directory could not be changed",
        "Make the directory or image that RootDirectory= or RootImage= names, or correct that line.",
    ),
    row(
        211,
        "IOPRIO",
        "its IO scheduling priority could not be set",
        "Correct IOSchedulingClass= and IOSchedulingPriority= in the unit.",
    ),
    row(
        212,
        "TIMERSLACK",
        "its timer slack could not be set",
        "Correct TimerSlackNSec= in the unit.",
    ),
    row(213, "SECUREBITS", "its secure bits could not be set", "Correct SecureBits= in the unit."),
    row(
        214,
        "SETSCHEDULER",
        "its CPU scheduling could not be set",
        "Correct CPUSchedulingPolicy= and CPUSchedulingPriority= in the unit, or raise LimitRTPRIO=.",
    ),
    row(
        215,
        "CPUAFFINITY",
        "it could not be bound to its CPUs",
        "Correct CPUAffinity= in the unit: this machine may have fewer CPUs.",
    ),
    row(
        216,
        "GROUP",
        "its group does not exist or could not be taken on",
        "Make the group that Group= or SupplementaryGroups= names (`groupadd --system NAME`), or correct that line.",
    ),
    row(
        217,
        "USER",
        "its user does not exist or could not be taken on",
        "Make the user that User= names (`useradd --system NAME`), or correct that line.",
    ),
    row(
        218,
        "CAPABILITIES",
        "its capabilities could not be set",
        "Correct CapabilityBoundingSet= and AmbientCapabilities= in the unit.",
    ),
    row(
        219,
        "CGROUP",
        "its control group could not be set up",
        "Start the unit again; if it goes on, look at Slice= and Delegate= in the unit.",
    ),
    row(
        220,
        "SETSID",
        "a session of its own could not be made",
        "Start the unit again; if it goes on, look at the journal of systemd.",
    ),
    row(
        221,
        "CONFIRM",
        "its start was refused at the console",
        "Take systemd.confirm_spawn= off the kernel's command line.",
    ),
    row(
        222,
        "STDERR",
        "its standard error could not be set up",
        "Correct StandardError= in the unit, or make the directory of the file that it names.",
    ),
    row(
        224,
        "PAM",
        "its PAM session could not be opened",
        "Correct PAMName= in the unit, or the file of that name in /etc/pam.d.",
    ),
    row(
        225,
        "NETWORK",
        "its network namespace could not be set up",
        "Correct PrivateNetwork= and NetworkNamespacePath= in the unit, or make that namespace.",
    ),
    row(
        226,
        "NAMESPACE",
        "its view of the file system could not be set up",
        "Make the directories that ReadWritePaths=, BindPaths= and their like name, put a `-` in front of those that may be missing, or take such lines out.",
    ),
    row(
        227,
        "NO_NEW_PRIVILEGES",
        "new privileges could not be turned off",
        "Correct NoNewPrivileges= in the unit.",
    ),
    row(
        228,
        "SECCOMP",
        "its filter of system calls could not be set",
        "Correct SystemCallFilter= and SystemCallArchitectures= in the unit.",
    ),
    row(
        229,
        "SELINUX_CONTEXT",
        "its SELinux context could not be set",
        "Correct SELinuxContext= in the unit.",
    ),
    row(
        230,
        "PERSONALITY",
        "its execution domain could not be set",
        "Correct Personality= in the unit.",
    ),
    row(
        231,
        "APPARMOR",
        "its AppArmor profile could not be set",
        "Correct AppArmorProfile= in the unit, or load that profile.",
    ),
    row(
        232,
        "ADDRESS_FAMILIES",
        "its address families could not be restricted",
        "Correct RestrictAddressFamilies= in the unit.",
    ),
    row(
        233,
        "RUNTIME_DIRECTORY",
        "its runtime directory could not be set up",
        "Correct RuntimeDirectory= in the unit, and see who owns that directory in /run.",
    ),
    row(
        235,
        "CHOWN",
        "its socket could not be given to its owner",
        "Correct SocketUser= and SocketGroup= in the socket unit.",
    ),
    row(
        236,
        "SMACK_PROCESS_LABEL",
        "its SMACK label could not be set",
        "Correct SmackProcessLabel= in the unit.",
    ),
    row(
        237,
        "KEYRING",
        "its kernel keyring could not be set up",
        "Correct KeyringMode= in the unit; the quota of keys of its user may be used up.",
    ),
    row(
        238,
        "STATE_DIRECTORY",
        "its state directory could not be set up",
        "Correct StateDirectory= in the unit, and see who owns that directory in /var/lib.",
    ),
    row(
        239,
        "CACHE_DIRECTORY",
        "its cache directory could not be set up",
        "Correct CacheDirectory= in the unit, and see who owns that directory in /var/cache.",
    ),
    row(
        240,
        "LOGS_DIRECTORY",
        "its logging directory could not be set up",
        "Correct LogsDirectory= in the unit, and see who owns that directory in /var/log.",
    ),
    row(
        241,
        "CONFIGURATION_DIRECTORY",
        "its configuration directory could not be set up",
        "Correct ConfigurationDirectory= in the unit, and see who owns that directory in /etc.",
    ),
    row(
        242,
        "NUMA_POLICY",
        "its NUMA memory policy could not be set",
        "Correct NUMAPolicy= and NUMAMask= in the unit.",
    ),
    row(
        243,
        "CREDENTIALS",
        "its credentials could not be set up",
        "Make the files that LoadCredential= names, or correct LoadCredential= and SetCredential= in the unit.",
    ),
    row(
        244,
        "BPF",
        "its BPF restrictions could not be set",
        "Correct RestrictFileSystems= in the unit: the kernel may not know it.",
    ),
    row(
        245,
        "KSM",
        "its memory could not be set up for sharing",
        "Correct MemoryKSM= in the unit: the kernel may not know it.",
    ),
];

/// From the LSB (1 to 7) and the BSDs' sysexits.h (64 to 78).
const AGREED: [(i32, &str); 23] = [
    (1, "FAILURE"),
    (2, "INVALIDARGUMENT"),
    (3, "NOTIMPLEMENTED"),
    (4, "NOPERMISSION"),
    (5, "NOTINSTALLED"),
    (6, "NOTCONFIGURED"),
    (7, "NOTRUNNING"),
    (64, "USAGE"),
    (65, "DATAERR"),
    (66, "NOINPUT"),
    (67, "NOUSER"),
    (68, "NOHOST"),
    (69, "UNAVAILABLE"),
    (70, "SOFTWARE"),
    (71, "OSERR"),
    (72, "OSFILE"),
    (73, "CANTCREAT"),
    (74, "IOERR"),
    (75, "TEMPFAIL"),
    (76, "PROTOCOL"),
    (77, "NOPERM"),
    (78, "CONFIG"),
    (255, "EXCEPTION"),
];
