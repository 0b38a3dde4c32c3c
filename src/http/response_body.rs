//! The bodies an answer can have.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::limits::FILE_PIECE_BYTES;

pub enum ResponseBody {
    Empty,
    /// Taken out when it is sent.
    Full(Bytes),
    File(FilePieces),
    Stream(StreamPieces),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        match this {
            ResponseBody::Empty => Poll::Ready(None),
            ResponseBody::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = ResponseBody::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            ResponseBody::File(pieces) => pieces.poll_piece(context).map(|piece| Some(piece?.map(Frame::data))),
            ResponseBody::Stream(pieces) => pieces.poll_piece(context).map(|piece| Some(piece?.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes_left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes_left())
    }
}

impl ResponseBody {
    fn bytes_left(&self) -> u64 {
        match self {
            ResponseBody::Empty => 0,
            ResponseBody::Full(bytes) => bytes.len() as u64,
            ResponseBody::File(pieces) => pieces.bytes_left,
            ResponseBody::Stream(pieces) => pieces.bytes_left,
        }
    }
}

/// A stretch of a file, read a piece at a time and only when the connection has room for it.
pub struct FilePieces {
    file: Arc<File>,
    position: u64,
    bytes_left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FilePieces {
    pub(super) fn new(file: File, position: u64, bytes: u64) -> FilePieces {
        FilePieces { file: Arc::new(file), position, bytes_left: bytes, reading: None }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.bytes_left == 0 {
            return Poll::Ready(None);
        }
        let (file, position, bytes) = (&self.file, self.position, self.bytes_left.min(FILE_PIECE_BYTES as u64));
        let reading = self.reading.get_or_insert_with(|| {
            let file = file.clone();
            tokio::task::spawn_blocking(move || read_piece(&file, position, bytes as usize))
        });
        let piece = ready!(Pin::new(reading).poll(context)).map_err(io::Error::other).flatten();
        self.reading = None;
        if piece.is_ok() {
            self.position += bytes;
            self.bytes_left -= bytes;
        }
        Poll::Ready(Some(piece))
    }
}

/// Bytes that come from elsewhere.
pub struct StreamPieces {
    stream: BoxStream<'static, io::Result<Bytes>>,
    bytes_left: u64,
}

impl StreamPieces {
    pub(super) fn new(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static, bytes: u64) -> StreamPieces {
        StreamPieces { stream: stream.boxed(), bytes_left: bytes }
    }

    /// Another number of bytes than was promised is an error, which cuts the connection.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.bytes_left == 0 {
            return Poll::Ready(None);
        }
        let Some(piece) = ready!(self.stream.poll_next_unpin(context)) else {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        };
        Poll::Ready(Some(piece.and_then(|piece| {
            let left = self.bytes_left.checked_sub(piece.len() as u64);
            self.bytes_left = left.ok_or(io::ErrorKind::InvalidData)?;
            Ok(piece)
        })))
    }
}

/// A file that became shorter than its answer promised is an error, which cuts the connection.
fn read_piece(file: &File, position: u64, bytes: usize) -> io::Result<Bytes> {
    let mut piece = vec![0; bytes];
    file.read_exact_at(&mut piece, position)?;
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(pieces: &[&'static str], promised: u64) -> Option<Bytes> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let mut body = ResponseBody::Stream(StreamPieces::new(futures_util::stream::iter(pieces), promised));
        let mut sent = Vec::new();
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            sent.extend(frame.ok()?.into_data().ok()?);
        }
        Some(sent.into())
    }

    #[tokio::test]
    async fn a_stream_is_sent_to_its_last_byte() {
        assert_eq!(sent(&["ab", "", "cde"], 5).await.unwrap(), "abcde");
        assert_eq!(sent(&[], 0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_stream_of_another_length_than_promised_cuts_the_connection() {
        assert_eq!(sent(&["ab"], 5).await, None);
        assert_eq!(sent(&["abc", "def"], 5).await, None);
    }
}
