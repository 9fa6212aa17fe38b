//! The store's file as redb sees it: a session that stores nothing writes nothing.
//!
//! redb marks its file as open when it opens it (a write of 320 bytes and a sync), and writes 8
//! times, 21 KB in all, with 4 syncs when it closes it, also if nothing changed in between. A
//! command that only looks, or a scan of unchanged projects, would wear out an SD card for nothing.
//! So the mark is held back until the first transaction that stores something; if none comes,
//! closing the file is cut short and the file stays byte for byte what it was: cleanly closed.

use std::{
    io,
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
};

use redb::{BackendError, StorageBackend};

/// A backend whose first writes, the mark that the file is open, wait for [`Mark::write`].
#[derive(Debug)]
pub(super) struct Quiet {
    inner: Arc<dyn StorageBackend>,
    state: Arc<Mutex<State>>,
}

/// The mark that the file is open.
#[derive(Debug)]
pub(super) struct Mark {
    inner: Arc<dyn StorageBackend>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum State {
    /// These writes to the start of the file wait.
    Held(Vec<Vec<u8>>),
    /// Everything goes through.
    Written,
    /// The session is over and nothing was stored; whatever else is written is refused.
    Dropped,
}

/// The size of redb's header. It fits a disk sector, which is why holding its writes back and
/// making them later is as safe as making them.
const HEADER: usize = 512;

impl Quiet {
    /// Holds back the mark that `inner` is open.
    pub(super) fn new(inner: impl StorageBackend) -> (Self, Mark) {
        let inner: Arc<dyn StorageBackend> = Arc::new(inner);
        let state = Arc::new(Mutex::new(State::Held(Vec::new())));
        (Self { inner: inner.clone(), state: state.clone() }, Mark { inner, state })
    }
}

impl Mark {
    /// Writes the mark, if that is still to be done. To be called before each transaction that
    /// stores something.
    pub(super) fn write(&self) -> io::Result<()> {
        release(&*self.inner, &self.state)
    }

    /// Ends the session: if nothing was stored, nothing will be written.
    pub(super) fn drop_unwritten(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Held(_)) {
            *state = State::Dropped;
        }
    }
}

fn release(inner: &dyn StorageBackend, state: &Mutex<State>) -> io::Result<()> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    match &*state {
        State::Written => return Ok(()),
        State::Dropped => return Err(io::Error::other("the session is over and stored nothing")),
        State::Held(writes) => {
            for data in writes {
                inner.write(0, data)?;
                inner.sync_data()?;
            }
        }
    }
    *state = State::Written;
    Ok(())
}

impl StorageBackend for Quiet {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        // What is read back must be what was written.
        if offset < HEADER as u64
            && matches!(&*self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Held(writes) if !writes.is_empty())
        {
            release(&*self.inner, &self.state)?;
        }
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        release(&*self.inner, &self.state)?;
        self.inner.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Held(_) => Ok(()),
            State::Written | State::Dropped => self.inner.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let is_mark = offset == 0 && data.len() <= HEADER;
        if is_mark
            && let State::Held(writes) =
                &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner)
        {
            writes.push(data.to_vec());
            return Ok(());
        }
        release(&*self.inner, &self.state)?;
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
