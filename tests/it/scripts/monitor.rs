//! What Redis is made to do, as it tells by itself.

use riffle::store::{Client, Command};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;

const END: &str = "the end of what is monitored";

pub struct Monitor {
    lines: Lines<BufReader<UnixStream>>,
}

impl Monitor {
    /// `url`: of a socket.
    pub async fn of(url: &str) -> Monitor {
        let mut stream = UnixStream::connect(url.strip_prefix("redis+unix://").unwrap()).await.unwrap();
        stream.write_all(b"MONITOR\r\n").await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("+OK"));
        Monitor { lines }
    }

    /// The commands, name first, that scripts have called since it was last asked.
    pub async fn commands_of_scripts(&mut self, client: &Client) -> Vec<Vec<String>> {
        client.call(Command::new("ECHO").arg(END)).await.unwrap();
        let mut commands = Vec::new();
        loop {
            let line = self.lines.next_line().await.unwrap().expect("Redis ended");
            if line.contains(END) {
                return commands;
            }
            if let Some((_, quoted)) = line.split_once(" lua] ") {
                let words = quoted.trim_matches('"').split("\" \"");
                commands.push(words.map(str::to_owned).collect());
            }
        }
    }
}
