//! What a child writes, kept up to a limit.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// How long a descendant that keeps a pipe open is waited for once the child itself has ended.
const LINGER: Duration = Duration::from_millis(200);

/// Reads a stream to its end in the background, so that the child never blocks.
pub(super) struct Reader {
    task: JoinHandle<()>,
    kept: Arc<Mutex<Kept>>,
}

/// The first and the last bytes of a stream; what comes between is dropped.
#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    tail: Vec<u8>,
    half: usize,
    dropped: bool,
}

impl Reader {
    /// Reads `stream`, keeps at most `limit` bytes, sends a sign of life for each piece and each
    /// line to `lines`.
    pub(super) fn new(
        stream: Option<impl AsyncRead + Unpin + Send + 'static>,
        limit: usize,
        alive: watch::Sender<()>,
        lines: Option<mpsc::UnboundedSender<String>>,
    ) -> Self {
        let kept = Arc::new(Mutex::new(Kept { half: limit / 2, ..Kept::default() }));
        let shared = kept.clone();
        let task = tokio::spawn(async move {
            let mut line = Vec::new();
            let mut buffer = vec![0; 16 << 10];
            let Some(mut stream) = stream else { return };
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                alive.send_replace(());
                shared.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..count]);
                if let Some(lines) = &lines {
                    send_lines(&buffer[..count], &mut line, limit, lines);
                }
            }
            if let Some(lines) = lines.filter(|_| !line.is_empty()) {
                drop(lines.send(String::from_utf8_lossy(&line).into_owned()));
            }
        });
        Self { task, kept }
    }

    /// What was kept, and whether something was dropped. A descendant that outlives the child is
    /// given a moment to close the pipe, not for ever.
    pub(super) async fn finish(mut self) -> (Vec<u8>, bool) {
        if tokio::time::timeout(LINGER, &mut self.task).await.is_err() {
            self.task.abort();
        }
        mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner)).finish()
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(self.half - self.head.len());
        self.head.extend_from_slice(&bytes[..fits]);
        self.tail.extend_from_slice(&bytes[fits..]);
        // Cut only when twice too long, so that each byte is moved at most once.
        if self.tail.len() > 2 * self.half {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if let Some(excess @ 1..) = self.tail.len().checked_sub(self.half) {
            self.tail.drain(..excess);
            self.dropped = true;
        }
    }

    fn finish(mut self) -> (Vec<u8>, bool) {
        self.cut();
        if self.dropped {
            self.head.extend_from_slice(b"\n[...]\n");
        }
        self.head.append(&mut self.tail);
        (self.head, self.dropped)
    }
}

fn send_lines(
    bytes: &[u8],
    line: &mut Vec<u8>,
    limit: usize,
    lines: &mpsc::UnboundedSender<String>,
) {
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        line.extend_from_slice(piece);
        if piece.ends_with(b"\n") || line.len() >= limit {
            drop(
                lines.send(String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned()),
            );
            line.clear();
        }
    }
}
