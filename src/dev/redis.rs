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
    command.args(["--unixsocketperm", "700", "--unixsocket"]).arg(places.redis_socket());
    command.arg("--dir").arg(&folder).arg("--pidfile").arg(folder.join(StoreKind::Redis.pid_file()));
    command.args(["--appendonly", "yes", "--appendfsync", sync, "--save", "", "--maxmemory-policy", "noeviction"]);
    // The likes and follows of one user lie in one set: compact, it takes 8 bytes each instead of 70, and a change of the
    // largest costs a microsecond. Comments and messages are members of their orders, up to 128 compact: half the bytes.
    command.args(["--set-max-intset-entries", "4096", "--zset-max-listpack-value", "256"]);
    // To write the file anew holds up everybody for some ten milliseconds at once, when it forks and while pages are copied
    // that both have; at 64 MB a thousand likes a second would bring that about every two minutes. What is read at a start
    // is 256 MB in less than four seconds.
    command.args(["--auto-aof-rewrite-min-size", "256mb"]);
    if options.redis_cluster {
        let address = places.redis_node_address();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        command.args(["--port", &port, "--bind", &ip, "--cluster-enabled", "yes", "--cluster-announce-ip", &ip]);
        // What one node has is served while another is away.
        command.args(["--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"]);
    } else {
        command.args(["--port", "0"]);
    }
    Ok(command)
}

/// A node of a cluster that has no slots yet waits for somebody to give it some, and is ready for that.
pub(super) async fn probe(places: &Places) -> Result<Answer, DevError> {
    // A Redis that is no cluster refuses this, and so answers.
    let reply = ask(places, "CLUSTER INFO").await.unwrap_or_default();
    Ok(match reply.as_str() {
        "" => Answer::Silence,
        reply if reply.starts_with("-LOADING") => Answer::Loading,
        reply if reply.contains("cluster_state:fail") && !reply.contains("cluster_slots_assigned:0\r\n") => {
            Answer::Loading
        }
        _ => Answer::Ready,
    })
}

/// The first kilobyte of its answer.
async fn ask(places: &Places, command: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(places.redis_socket()).await?;
    stream.write_all(format!("{command}\r\n").as_bytes()).await?;
    let mut reply = vec![0; 1024];
    let length = stream.read(&mut reply).await?;
    Ok(String::from_utf8_lossy(&reply[..length]).into_owned())
}
