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
use crate::model::Registered;

/// A user with his counts, in the eyes of all.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRecord {
    pub id: UserId,
    pub name: String,
    /// How many videos.
    pub works: u64,
    /// How many likes these have.
    pub favorited: u64,
    /// How many videos the user likes.
    pub favorites: u64,
    pub follows: u64,
    pub followers: u64,
}

const FIELDS: [&str; 6] = ["name", "works", "favorited", "favorites", "follows", "followers"];

pub(super) fn command(id: UserId) -> Command {
    Command::new("HMGET").arg(keys::user(id)).args(FIELDS.map(|field| Bytes::from_static(field.as_bytes())))
}

/// Decodes the answer to [`command`]; `None` where there is no such user.
pub(super) fn record(id: UserId, reply: &Reply) -> Result<Option<UserRecord>> {
    let [name, counts @ ..] = reply.array()? else { return Ok(None) };
    let Some(name) = name.text()? else { return Ok(None) };
    let count = |place: usize| -> Result<u64> { Ok(counts.get(place).unwrap_or(&Reply::Nil).number()?.unwrap_or(0)) };
    Ok(Some(UserRecord {
        id,
        name: name.to_owned(),
        works: count(0)?,
        favorited: count(1)?,
        favorites: count(2)?,
        follows: count(3)?,
        followers: count(4)?,
    }))
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
        read.push(id.bucket(), command(*id));
    }
    let replies = read.send().await?;
    let users = ids.into_iter().zip(&replies).map(|(id, reply)| Ok(record(id, reply)?.map(|user| (id, user))));
    users.filter_map(Result::transpose).collect()
}

impl Home {
    /// An id for a new entity of this bucket.
    pub async fn mint(&self) -> Result<u64> {
        self.call_minting(&script::ID_MINT, [], []).await
    }

    /// Makes a user visible; repeating it is harmless. Gives the version of the change.
    pub async fn show_user(&self, id: UserId, registered: &Registered) -> Result<u64> {
        let keys = [keys::outbox(self.bucket()), keys::user(id)];
        let Registered { name, name_key, password_hash } = registered;
        let texts = [name, name_key, password_hash].map(|text| Bytes::copy_from_slice(text.as_bytes()));
        let arguments = std::iter::once(Bytes::from(id.to_string())).chain(texts);
        self.call_minting(&script::USER_SHOW, keys, arguments).await
    }
}
