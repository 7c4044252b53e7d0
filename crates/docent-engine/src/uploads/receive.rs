//! A body on its way to the disk.

use super::disk::Part;
use super::refusal_of_size;
use crate::error::Error;
use docent_core::Refusal;
use futures::{Stream, StreamExt};
use std::io::Write;
use tokio::sync::mpsc;

/// Pieces that may wait for the disk.
const PIECES: usize = 4;
/// First bytes that are kept to tell what a file is.
const HEAD_BYTES: usize = 64 << 10;

/// Why a file was not accepted. Nothing of it is kept.
#[derive(Debug)]
pub enum NotAccepted {
    /// It is not read: too large, of another format, or not what its name says.
    Refused(Refusal),
    /// It is too large to come as a body; it needs an address.
    TooLargeForABody {
        /// Bytes that one may have.
        most: u64,
    },
    /// It did not arrive to its end.
    BrokeOff,
    /// It could not be stored.
    Failed(Error),
}

impl From<Error> for NotAccepted {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A file that is on the disk to its last byte.
pub(crate) struct Received {
    pub(crate) part: Part,
    pub(crate) head: Vec<u8>,
    pub(crate) bytes: u64,
    pub(crate) content_hash: String,
}

/// Writes a body into a part, hashing it on the way.
pub(crate) async fn receive<B, E>(
    part: Part,
    bytes_max: u64,
    body: impl Stream<Item = Result<B, E>> + Send,
) -> Result<Received, NotAccepted>
where
    B: AsRef<[u8]> + Send + 'static,
{
    let (pieces, queue) = mpsc::channel(PIECES);
    let file = part.file()?;
    let writing = tokio::task::spawn_blocking(move || write(file, queue));
    let sent = forward(body, pieces, bytes_max).await;
    let died = |error| Error::internal("a thread died while a file was written").because(error);
    let written = writing.await.map_err(died)?;
    // Where the disk is in trouble, that is why nothing more could be sent.
    let (head, content_hash) = written.map_err(|error| NotAccepted::Failed(not_written(error)))?;
    Ok(Received { part, head, bytes: sent?, content_hash })
}

async fn forward<B: AsRef<[u8]>, E>(
    body: impl Stream<Item = Result<B, E>> + Send,
    pieces: mpsc::Sender<B>,
    bytes_max: u64,
) -> Result<u64, NotAccepted> {
    let mut body = std::pin::pin!(body);
    let mut bytes = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| NotAccepted::BrokeOff)?;
        bytes += piece.as_ref().len() as u64;
        if bytes > bytes_max {
            return Err(NotAccepted::Refused(refusal_of_size(bytes_max)));
        }
        if pieces.send(piece).await.is_err() {
            return Err(NotAccepted::BrokeOff);
        }
    }
    Ok(bytes)
}

fn write<B: AsRef<[u8]>>(mut file: std::fs::File, mut queue: mpsc::Receiver<B>) -> std::io::Result<(Vec<u8>, String)> {
    let (mut head, mut hasher) = (Vec::new(), blake3::Hasher::new());
    while let Some(piece) = queue.blocking_recv() {
        let piece = piece.as_ref();
        let missing = HEAD_BYTES - head.len();
        head.extend_from_slice(&piece[..piece.len().min(missing)]);
        hasher.update(piece);
        file.write_all(piece)?;
    }
    file.sync_all()?;
    Ok((head, hasher.finalize().to_hex().to_string()))
}

fn not_written(error: std::io::Error) -> Error {
    Error::internal("an uploaded file could not be written").because(error).hint("free some space on the disk")
}
