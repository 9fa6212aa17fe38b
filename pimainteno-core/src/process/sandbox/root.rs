//! The file system that a sandboxed command sees: an empty one, with what is named put into it.
//!
//! It is put together at a directory of its own, and becomes the root of the sandbox when the guard
//! turns into it. What is named for reading is mounted read-only, so that neither contents nor
//! modes, owners, times or attributes can be changed there, whoever the command runs as; nothing
//! has set-user-ID bits or devices; and what nobody named is not there at all: no home, no socket,
//! no other project.

#![expect(clippy::disallowed_methods, reason = "the helper is a process of its own")]

use std::{
    collections::BTreeMap,
    error,
    ffi::{CStr, CString, OsString},
    fmt, fs, io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStringExt as _, fs::symlink},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, mkdirat, openat, statat},
    io::Errno,
    mount::{
        MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_remount, move_mount,
        open_tree, unmount,
    },
    process::pivot_root,
};

use super::{
    Layer,
    named_places::NamedPlaces,
    protocol::{Plan, told},
};

/// Directories that the temporary directory of the command takes the place of.
pub(super) const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// Where terminals are. Those of the machine could be listened to.
pub(super) const TERMINALS: &str = "/dev/pts";

/// The options of an empty directory.
const EMPTY: &CStr = c"mode=0755,size=16m";

/// The shared memory of POSIX. It counts as memory of nobody, so it is small.
pub(super) const SHARED_MEMORY: (&str, &CStr) = ("/dev/shm", c"mode=1777,size=256m,nr_inodes=64k");

/// Devices that belong to nobody.
pub(super) const DEVICES: [&str; 6] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Links that programs look for beside the devices.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Files of `/proc` that tell of what is not in the sandbox: keyrings have no namespace.
const UNTOLD: [&str; 2] = ["keys", "key-users"];

/// How a directory on the way to a place is opened: as it is, and not through a link.
const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Flags of everything that is shown, but for devices.
const PLAIN: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// What is shown at a path.
struct Place<'plan> {
    /// What it is outside.
    source: PathBuf,
    shown: Shown<'plan>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown<'plan> {
    Readable,
    Writable,
    /// Writable, and what is written goes elsewhere.
    Layered(&'plan Layer),
    /// As an empty directory, or as a file that cannot be opened.
    Nothing,
    Device,
    /// As memory that can be shared.
    Memory,
}

/// A place where nothing can be shown, because a symbolic link is there or on the way.
#[derive(Debug)]
pub(super) struct Obstructed(pub(super) PathBuf);

/// What is shown where, and the symbolic links on the way there.
#[derive(Default)]
struct View<'plan> {
    places: BTreeMap<PathBuf, Place<'plan>>,
    links: BTreeMap<PathBuf, PathBuf>,
}

/// Puts the root together at [`Plan::root`]. Needs a mount namespace of its own.
pub(super) fn build(plan: &Plan) -> io::Result<()> {
    let root = plan.root();
    mount("tmpfs", &root, "tmpfs", PLAIN, Some(EMPTY)).map_err(told(root.display()))?;
    let view = View::new(plan);
    for (at, place) in &view.places {
        place.put(&root, at).map_err(|error| match Obstructed::of(&error) {
            Some(_) => error,
            None => told(at.display())(error),
        })?;
    }
    for (at, target) in &view.links {
        let link = inside(&root, at);
        // What lies in something that is shown is there already.
        if fs::symlink_metadata(&link).is_err() {
            link.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| symlink(target, &link))
                .map_err(told(at.display()))?;
        }
    }
    let terminals = inside(&root, Path::new(TERMINALS));
    fs::create_dir_all(&terminals)?;
    // `/dev/ptmx` makes its terminals in the directory beside it (Linux 4.7).
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("devpts", &terminals, "devpts", flags, Some(c"mode=0620,ptmxmode=0666"))
        .map_err(told(TERMINALS))?;
    fs::create_dir_all(inside(&root, Path::new("/proc")))?;
    view.seal(&root)
}

/// Makes the root that was put together the only one that there is, with a `/proc` of this process
/// namespace, which shows no other processes and cannot be written to.
pub(super) fn turn_into(plan: &Plan) -> io::Result<()> {
    let root = plan.root();
    let proc = root.join("proc");
    let flags = PLAIN | MountFlags::NOEXEC;
    mount("proc", &proc, "proc", flags, None).map_err(told("cannot mount `/proc`"))?;
    // From Linux 6.14 on this is a limit of the namespace, which also binds root. The first 300
    // numbers are not given twice.
    drop(fs::write(
        proc.join("sys/kernel/pid_max"),
        (plan.sandbox.limits.processes.saturating_add(332)).to_string(),
    ));
    mount_remount(&proc, flags | MountFlags::RDONLY, "")
        .map_err(told("cannot mount `/proc` for reading only"))?;
    for name in UNTOLD.iter().filter(|name| proc.join(name).exists()) {
        hide(&proc.join(name))?;
    }
    mount_remount(&root, MountFlags::BIND | PLAIN | MountFlags::RDONLY, "")
        .map_err(told("cannot make the root read-only"))?;
    let turn = || {
        std::env::set_current_dir(&root)?;
        // The old root comes to lie on the new one, and is taken off.
        pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        std::env::set_current_dir("/")
    };
    turn().map_err(told("cannot leave the machine's file system"))
}

impl<'plan> View<'plan> {
    fn new(plan: &'plan Plan) -> Self {
        let mut view = Self::default();
        let sandbox = &plan.sandbox;
        let mut places = NamedPlaces::new(sandbox);
        // The later one wins: what is named is there although something hides it, and what may be
        // changed may be.
        for (paths, shown) in [
            (&sandbox.cover, Shown::Nothing),
            (&sandbox.read, Shown::Readable),
            (&sandbox.write, Shown::Writable),
        ] {
            for path in paths {
                view.show(places.find(path), shown);
            }
        }
        for layer in &sandbox.layers {
            view.show(places.find(&layer.at), Shown::Layered(layer));
        }
        for shown in &sandbox.shown {
            let directory = shown.at.parent().and_then(|parent| places.find(parent));
            let at = directory.zip(shown.at.file_name()).map(|(parent, name)| parent.join(name));
            if let (Some(at), Some(source)) = (at, places.find(&shown.source)) {
                view.place(at, source, Shown::Readable);
            }
        }
        view.links = places.into_links();
        for path in DEVICES {
            view.place(path.into(), path.into(), Shown::Device);
        }
        view.place(SHARED_MEMORY.0.into(), SHARED_MEMORY.0.into(), Shown::Memory);
        for path in TEMPORARY {
            view.place(path.into(), plan.temporary(), Shown::Writable);
        }
        view.links.extend(DEVICE_LINKS.map(|(link, target)| (link.into(), target.into())));
        view.simplify();
        view
    }

    /// Shows what is at `place`. What is not there, or comes with the root, is passed over.
    fn show(&mut self, place: Option<PathBuf>, shown: Shown<'plan>) {
        let Some(real) = place else { return };
        let comes_along = real.starts_with("/proc")
            || (real.starts_with("/dev") && !real.starts_with(SHARED_MEMORY.0));
        if !comes_along {
            self.place(real.clone(), real, shown);
        }
    }

    fn place(&mut self, at: PathBuf, source: PathBuf, shown: Shown<'plan>) {
        self.places.insert(at, Place { source, shown });
    }

    /// Leaves out what is shown as it should be by what it lies in.
    fn simplify(&mut self) {
        let places = std::mem::take(&mut self.places);
        for (at, place) in places {
            // A directory comes before what is in it.
            let around = self.around(&at);
            let comes_along = match around {
                Some((within, around)) if around.source == *within => {
                    // Whoever may change a directory may change what is in it.
                    let may_change = matches!(around.shown, Shown::Writable | Shown::Layered(_));
                    around.shown == place.shown
                        || (may_change && matches!(place.shown, Shown::Readable | Shown::Writable))
                }
                Some(_) => false,
                None => place.shown == Shown::Nothing,
            };
            let is_own = place.source == at;
            if !(comes_along && is_own) {
                self.places.insert(at, place);
            }
        }
    }

    /// The innermost place that `path` lies in.
    fn around(&self, path: &Path) -> Option<(&PathBuf, &Place<'plan>)> {
        path.ancestors().find_map(|ancestor| self.places.get_key_value(ancestor))
    }

    /// Makes everything read-only that is not to be changed, mounts below what is shown too. Flags
    /// that a mount has already stay: nobody may take them away.
    fn seal(&self, root: &Path) -> io::Result<()> {
        let table = fs::read("/proc/self/mountinfo")?;
        for line in table.split(|byte| *byte == b'\n') {
            let mut fields = line.split(|byte| *byte == b' ');
            let (Some(at), Some(options)) = (fields.nth(4).map(unescape), fields.next()) else {
                continue;
            };
            let Ok(inner) = at.strip_prefix(root) else { continue };
            let shown = self
                .around(&Path::new("/").join(inner))
                .map_or(Shown::Writable, |(_, place)| place.shown);
            let more = match shown {
                Shown::Device => MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::RDONLY,
                Shown::Writable | Shown::Layered(_) | Shown::Memory => PLAIN,
                Shown::Readable | Shown::Nothing => PLAIN | MountFlags::RDONLY,
            };
            if inner.starts_with("dev/pts") {
                continue;
            }
            let flags = MountFlags::BIND | flags_of(options) | more;
            mount_remount(&at, flags, "").map_err(told(format_args!(
                "cannot restrict `{}`",
                Path::new("/").join(inner).display()
            )))?;
        }
        Ok(())
    }
}

impl Place<'_> {
    /// Mounts it in `root` at `at`, which is made.
    fn put(&self, root: &Path, at: &Path) -> io::Result<()> {
        let target = inside(root, at);
        let (kind, options) = match self.shown {
            Shown::Nothing if self.source.is_dir() => ("tmpfs", EMPTY.to_owned()),
            Shown::Nothing => {
                make(root, at, true)?;
                return hide(&target);
            }
            Shown::Memory => ("tmpfs", SHARED_MEMORY.1.to_owned()),
            Shown::Layered(layer) => {
                ("overlay", CString::new(layer.options()).map_err(io::Error::other)?)
            }
            Shown::Readable | Shown::Writable | Shown::Device => {
                let tree = tree(&self.source)?;
                make(root, at, !self.source.is_dir())?;
                return place(&tree, &target);
            }
        };
        make(root, at, false)?;
        Ok(mount(kind, &target, kind, PLAIN, Some(options.as_c_str()))?)
    }
}

impl Obstructed {
    /// What `error` says of it.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Obstructed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a symbolic link is where `{}` is to be shown", self.0.display())
    }
}

impl error::Error for Obstructed {}

/// Makes the place `at` in `root`, a file or a directory, unless it is there. No link is followed on
/// the way, nor is one the place: in what is shown a command may have put one, and it would lead out
/// of the root, which is not yet that of this process.
fn make(root: &Path, at: &Path, is_file: bool) -> io::Result<()> {
    let missing = |error: &Errno| *error == Errno::NOENT;
    let obstructed = || io::Error::other(Obstructed(at.to_owned()));
    let mut directory = openat(CWD, root, DIRECTORY, Mode::empty())?;
    let mut rest = at.strip_prefix("/").unwrap_or(at).components().peekable();
    while let Some(part) = rest.next() {
        let name = part.as_os_str();
        let is_last = rest.peek().is_none();
        let there = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
        match &there {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_symlink() => {
                return Err(obstructed());
            }
            Err(error) if missing(error) && is_last && is_file => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                openat(&directory, name, flags, Mode::from_raw_mode(0o644))?;
            }
            Err(error) if missing(error) => {
                mkdirat(&directory, name, Mode::from_raw_mode(0o755))?;
            }
            Ok(_) => {}
            Err(error) => return Err((*error).into()),
        }
        if is_last && is_file {
            break;
        }
        directory = openat(&directory, name, DIRECTORY, Mode::empty())?;
    }
    Ok(())
}

impl Layer {
    /// The options of the mount (`Documentation/filesystems/overlayfs.rst` of the kernel). With
    /// `userxattr` it can be made in a user namespace.
    fn options(&self) -> Vec<u8> {
        let mut options = b"userxattr,lowerdir=".to_vec();
        for (place, path) in self.lower.iter().enumerate() {
            options.extend(if place > 0 { &b":"[..] } else { b"" });
            options.extend(escape(path));
        }
        for (name, path) in [(",upperdir=", &self.upper), (",workdir=", &self.work)] {
            options.extend(name.bytes());
            options.extend(escape(path));
        }
        options
    }
}

/// A path as an option of an overlay: what would end it stands after a backslash.
fn escape(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes
        .flat_map(|byte| {
            matches!(byte, b':' | b',' | b'\\').then_some(b'\\').into_iter().chain([*byte])
        })
        .collect()
}

/// Puts something that cannot be opened over the file `path`.
fn hide(path: &Path) -> io::Result<()> {
    place(&tree(Path::new("/dev/null"))?, path)?;
    mount_remount(path, MountFlags::BIND | PLAIN | MountFlags::NOEXEC | MountFlags::RDONLY, "")
        .map_err(told(path.display()))
}

fn tree(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    Ok(open_tree(CWD, path, flags)?)
}

fn place(tree: &OwnedFd, path: &Path) -> io::Result<()> {
    Ok(move_mount(tree, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Where `path`, which is absolute, is in the new root.
fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// The flags that stand in the sixth field of a line of `/proc/PID/mountinfo`
/// (`proc_pid_mountinfo(5)`).
fn flags_of(options: &[u8]) -> MountFlags {
    let flag = |option: &[u8]| match option {
        b"ro" => MountFlags::RDONLY,
        b"nosuid" => MountFlags::NOSUID,
        b"nodev" => MountFlags::NODEV,
        b"noexec" => MountFlags::NOEXEC,
        b"noatime" => MountFlags::NOATIME,
        b"nodiratime" => MountFlags::NODIRATIME,
        b"relatime" => MountFlags::RELATIME,
        b"nosymfollow" => MountFlags::NOSYMFOLLOW,
        _ => MountFlags::empty(),
    };
    options.split(|byte| *byte == b',').map(flag).collect()
}

/// A path as it stands in `/proc/PID/mountinfo`, where blanks, tabs, line ends and backslashes are
/// three octal digits after a backslash.
fn unescape(field: &[u8]) -> PathBuf {
    let mut parts = field.split(|byte| *byte == b'\\');
    let mut bytes = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(3).unwrap_or((&[], part));
        match std::str::from_utf8(digits).ok().and_then(|code| u8::from_str_radix(code, 8).ok()) {
            Some(code) => bytes.extend([&[code][..], rest].concat()),
            None => bytes.extend([&b"\\"[..], part].concat()),
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_something_shown_is_not_shown_twice_and_what_is_hidden_in_it_is() {
        let mut view = View::default();
        let shown = [
            ("/home/ada", Shown::Writable),
            ("/home/ada/.cargo/bin", Shown::Readable),
            ("/home/ada/.ssh", Shown::Nothing),
            ("/home/ada/.ssh/known_hosts", Shown::Readable),
            ("/nowhere", Shown::Nothing),
            ("/usr", Shown::Readable),
            ("/usr/lib", Shown::Readable),
        ];
        for (path, shown) in shown {
            view.place(path.into(), path.into(), shown);
        }
        view.place("/tmp".into(), "/scratch".into(), Shown::Writable);
        view.place("/tmp/tool".into(), "/tmp/tool".into(), Shown::Writable);
        view.simplify();
        let kept: Vec<_> = view.places.keys().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            kept,
            [
                "/home/ada",
                "/home/ada/.ssh",
                "/home/ada/.ssh/known_hosts",
                "/tmp",
                "/tmp/tool",
                "/usr"
            ]
        );
    }

    #[test]
    fn a_path_of_the_mount_table_may_have_blanks_and_backslashes() {
        assert_eq!(unescape(br"/a\040b\134c\0"), Path::new(r"/a b\c\0"));
    }
}
