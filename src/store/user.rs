//! Users in Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::client::Command;
use super::keys;
use super::reply::Reply;
use super::run::{Home, Read, Run};
use super::script;
use crate::error::{Code, Result};
use crate::id::UserId;

#[derive(Debug, Clone, PartialEq)]
pub struct UserRecord {
    pub id: UserId,
    pub name: String,
    pub works: u64,
}

fn record(id: UserId, reply: &Reply) -> Result<Option<UserRecord>> {
    let [name, works] = reply.array()? else { return Ok(None) };
    let Some(name) = name.text()? else { return Ok(None) };
    Ok(Some(UserRecord { id, name: name.to_owned(), works: works.number()?.unwrap_or(0) }))
}

/// One user; an unknown one is 100006.
pub async fn get(run: &Arc<Run>, id: UserId) -> Result<UserRecord> {
    get_many(run, [id]).await?.remove(&id).ok_or_else(|| Code::NoUser.into())
}

/// Those of `ids` that exist, in one round trip.
pub async fn get_many(run: &Arc<Run>, ids: impl IntoIterator<Item = UserId>) -> Result<BTreeMap<UserId, UserRecord>> {
    let ids: BTreeSet<UserId> = ids.into_iter().collect();
    let mut read = Read::new(run);
    for id in &ids {
        read.push(id.bucket(), Command::new("HMGET").arg(keys::user(*id)).arg("name").arg("works"));
    }
    let mut users = BTreeMap::new();
    for (id, reply) in ids.into_iter().zip(read.send().await?) {
        users.extend(record(id, &reply)?.map(|user| (id, user)));
    }
    Ok(users)
}

impl Home {
    /// An id for a new entity of this bucket.
    pub async fn mint(&self) -> Result<u64> {
        self.call_minting(&script::ID_MINT, [], []).await
    }

    /// Makes a user visible; repeating it is harmless. Gives the version of the change.
    pub async fn show_user(&self, id: UserId, name: &str) -> Result<u64> {
        let keys = [keys::outbox(self.bucket()), keys::user(id)];
        let arguments = [Bytes::from(id.to_string()), Bytes::copy_from_slice(name.as_bytes())];
        self.call_minting(&script::USER_SHOW, keys, arguments).await
    }
}
