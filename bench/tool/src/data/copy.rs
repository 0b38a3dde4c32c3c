//! COPY into one table, as text.

use std::fmt::Write;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, CopyInSink};

use crate::Result;

const CHUNK_BYTES: usize = 256 << 10;

pub struct Copy {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    text: String,
}

impl Copy {
    /// `table`: with its columns, `users (id, name)`.
    pub async fn into(session: &Client, table: &str) -> Result<Copy> {
        let sink = session.copy_in(&format!("copy {table} from stdin")).await?;
        Ok(Copy { sink: Box::pin(sink), text: String::with_capacity(CHUNK_BYTES * 2) })
    }

    /// A row: values without backslashes and control characters, in the order of the columns.
    pub async fn row(&mut self, values: &[&(dyn std::fmt::Display + Sync)]) -> Result<()> {
        for (place, value) in values.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\t" };
            write!(self.text, "{separator}{value}")?;
        }
        self.text.push('\n');
        if self.text.len() >= CHUNK_BYTES {
            self.sink.send(Bytes::from(std::mem::take(&mut self.text))).await?;
        }
        Ok(())
    }

    /// Gives how many rows Postgres took.
    pub async fn finish(mut self) -> Result<u64> {
        self.sink.send(Bytes::from(self.text)).await?;
        Ok(self.sink.as_mut().finish().await?)
    }
}
