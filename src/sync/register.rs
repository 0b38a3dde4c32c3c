//! Registering: mint an id, write the row (Postgres decides whether the name is free), show the user.

use std::sync::Arc;

use crate::archive::{Archive, users};
use crate::crash;
use crate::error::{Code, Error, Result};
use crate::id::{Bucket, UserId};
use crate::model::Registered;
use crate::store::{Home, Run};

/// A taken name is 100005. Once begun it goes on though the client leaves; what a crash leaves half done,
/// `sync/pending.rs` completes.
pub async fn register(run: Arc<Run>, archive: Archive, registered: Registered) -> Result<UserId> {
    let steps = async move {
        let home = Home::new(&run, random_bucket());
        let id = UserId(home.mint().await?);
        crash::point("register_minted");
        if !users::insert(&archive, id, &registered).await? {
            return Err(Code::NameTaken.into());
        }
        crash::point("register_written");
        home.show_user(id, &registered).await?;
        crash::point("register_shown");
        Ok(id)
    };
    tokio::spawn(steps).await.map_err(Error::internal)?
}

fn random_bucket() -> Bucket {
    Bucket::new(rand::random_range(0..Bucket::USERS)).unwrap_or(Bucket::FEED)
}
