//! A look past the server, into its Redis.

use std::time::Duration;

use bytes::Bytes;
use riffle::store::{Address, Client, Command, Reply};

use super::World;

/// One command on a connection of its own.
pub async fn ask_redis(url: &str, name: &'static str, arguments: &[&str]) -> riffle::error::Result<Reply> {
    let client = Client::connect(&Address::parse(url)?, Duration::from_secs(5)).await?;
    let arguments = arguments.iter().map(|argument| Bytes::copy_from_slice(argument.as_bytes()));
    Ok(client.call(Command::new(name).args(arguments)).await?)
}

impl World {
    pub async fn redis_command(&self, name: &'static str, arguments: &[&str]) -> Reply {
        ask_redis(&self.redis_url, name, arguments).await.unwrap()
    }
}
