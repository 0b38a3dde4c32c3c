//! Users and videos, as a viewer sees them.

use super::Service;
use super::list::More;
use crate::error::Result;
pub(super) use crate::feed::view::{has_come, shown_ms};
use crate::feed::writer::{USER_BYTES, VIDEO_BYTES, Writer};
use crate::id::{UserId, VideoId};
use crate::model::Entry;
use crate::store::Sight;

/// An answer with those of the users that exist, in their order.
pub(super) async fn users(sight: &mut Sight<'_>, entries: &[Entry], more: More) -> Result<Vec<u8>> {
    let ids: Vec<UserId> = entries.iter().map(|entry| UserId(entry.id)).collect();
    sight.see(&[], &ids).await?;
    let mut writer = Writer::begin(ids.len() * USER_BYTES);
    let seen = ids.into_iter().filter_map(|id| sight.user(id));
    writer.array(r#","user_list":"#, seen, |writer, seen| writer.user(&seen))?;
    more.write(&mut writer);
    Ok(writer.end())
}

/// An answer with those of the videos that are visible, in their order.
pub(super) async fn videos(service: &Service, sight: &mut Sight<'_>, entries: &[Entry], more: More) -> Result<Vec<u8>> {
    let ids: Vec<VideoId> = entries.iter().map(|entry| VideoId(entry.id)).collect();
    sight.see(&ids, &[]).await?;
    let mut writer = Writer::begin(ids.len() * VIDEO_BYTES);
    writer.videos(&service.media_base, sight, &ids)?;
    more.write(&mut writer);
    Ok(writer.end())
}
