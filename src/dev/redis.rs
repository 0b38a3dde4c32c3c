//! What is particular to Redis.

use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::error::DevError;
use super::places::Places;
use super::programs;
use super::store::{Answer, Durability, StoreKind, StoreOptions};

/// Settings are flags: no file of the system or of anyone else is read.
pub(super) fn command(places: &Places, options: StoreOptions) -> Result<Command, DevError> {
    let folder = places.redis_folder();
    let sync = match options.durability {
        Durability::Kept => "everysec",
        Durability::Throwaway => "no",
    };
    let mut command = Command::new(programs::redis_server()?);
    command.current_dir(&folder);
    command.args(["--port", "0", "--unixsocketperm", "700", "--unixsocket"]).arg(places.redis_socket());
    command.arg("--dir").arg(&folder).arg("--pidfile").arg(folder.join(StoreKind::Redis.pid_file()));
    command.args(["--appendonly", "yes", "--appendfsync", sync, "--save", "", "--maxmemory-policy", "noeviction"]);
    Ok(command)
}

pub(super) async fn probe(places: &Places) -> Result<Answer, DevError> {
    Ok(match ping(places).await {
        Ok(reply) if reply.starts_with(b"-LOADING") => Answer::Loading,
        Ok(reply) if !reply.is_empty() => Answer::Ready,
        _ => Answer::Silence,
    })
}

async fn ping(places: &Places) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(places.redis_socket()).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut reply = vec![0; 64];
    let length = stream.read(&mut reply).await?;
    reply.truncate(length);
    Ok(reply)
}
