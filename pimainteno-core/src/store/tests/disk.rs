//! A disk that counts what is written, and that can be full.

use std::{
    ops::Bound,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use redb::{BackendError, StorageBackend};

use super::*;

/// Counts what redb writes.
#[derive(Debug)]
pub(super) struct Counting<B> {
    pub(super) inner: B,
    pub(super) counts: Arc<Counts>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Whether the disk is full.
    pub(super) is_full: AtomicBool,
    writes: AtomicU64,
    bytes: AtomicU64,
    syncs: AtomicU64,
}

impl Counts {
    /// Writes, bytes and syncs since the last look.
    pub(super) fn take(&self) -> (u64, u64, u64) {
        (
            self.writes.swap(0, Ordering::SeqCst),
            self.bytes.swap(0, Ordering::SeqCst),
            self.syncs.swap(0, Ordering::SeqCst),
        )
    }
}

impl<B: StorageBackend> StorageBackend for Counting<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.counts.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.counts.syncs.fetch_add(1, Ordering::SeqCst);
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.counts.is_full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.counts.writes.fetch_add(1, Ordering::SeqCst);
        self.counts.bytes.fetch_add(data.len() as u64, Ordering::SeqCst);
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }
}
