//! The control socket's file.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixListener as StdListener,
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use pimainteno_core::{Error, ErrorKind, Result};
use pimainteno_web::is_nobody;
use tokio::{
    net::{UnixListener, UnixStream},
    time::timeout,
};

/// How long somebody who listens at the socket may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a socket may seem to be listened at: a child that a daemon forked right before it was
/// killed has it open until it becomes another program.
const ECHO: Duration = Duration::from_millis(500);

/// How often to look whether it still does.
const GLANCE: Duration = Duration::from_millis(20);

/// The file of a socket that this process listens at; removed when this is dropped.
pub(super) struct Socket {
    path: PathBuf,
    /// Device and inode: another process may have put its own socket in the place.
    identity: Option<(u64, u64)>,
}

/// Refuses to go on if somebody listens at the socket.
pub(super) async fn refuse_if_alive(path: &Path) -> Result<()> {
    let start = Instant::now();
    loop {
        match timeout(CONNECT, UnixStream::connect(path)).await {
            Ok(Err(error)) if is_nobody(&error) => return Ok(()),
            // One that has no time to accept is alive too.
            Ok(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                return Err(unusable(path).source(error));
            }
            _ if start.elapsed() < ECHO => tokio::time::sleep(GLANCE).await,
            _ => break,
        }
    }
    Err(Error::new(ErrorKind::Usage, format!("a daemon is running already: `{}`", path.display()))
        .hint("`pi-mainteno status` asks it; stop it before another one is started"))
}

impl Socket {
    /// Listens at `path`, where nobody else does, for this user alone. A socket that was left
    /// behind is replaced.
    pub(super) fn bind(path: &Path) -> Result<(Self, UnixListener)> {
        match path.symlink_metadata() {
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(Error::new(
                    ErrorKind::Service,
                    format!("this is not a socket: `{}`", path.display()),
                )
                .hint("`web.socket` must name a file that is free"));
            }
            _ => {}
        }
        let listener = listen(path).map_err(|source| unusable(path).source(source))?;
        let identity =
            path.symlink_metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
        Ok((Self { path: path.to_owned(), identity }, listener))
    }
}

/// Makes the socket where nobody else can enter, and moves it to its place when only its owner can
/// use it.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // Short, because the name of a socket must be.
    let private = directory.join(format!(".{}", std::process::id()));
    let made = private.join("s");
    // Left behind by a process that had the same number and was killed.
    drop(fs::remove_file(&made));
    drop(fs::remove_dir(&private));
    DirBuilder::new().mode(0o700).create(&private)?;
    let listener = StdListener::bind(&made).and_then(|listener| {
        fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        fs::rename(&made, path)?;
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    });
    drop(fs::remove_file(&made));
    drop(fs::remove_dir(&private));
    listener
}

fn unusable(path: &Path) -> Error {
    Error::new(ErrorKind::Service, format!("cannot make the control socket: `{}`", path.display()))
        .hint("`web.socket` names another file: one that this user may make, with a path of less than 100 characters")
}

impl Drop for Socket {
    fn drop(&mut self) {
        let identity =
            self.path.symlink_metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
        if identity.is_some() && identity == self.identity {
            drop(fs::remove_file(&self.path));
        }
    }
}
