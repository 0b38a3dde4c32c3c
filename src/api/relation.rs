//! Follows and friends.

use super::list::{self, Page};
use super::{Service, view};
use crate::error::{Code, Result};
use crate::feed::writer::{USER_BYTES, Writer};
use crate::http::{Request, answer};
use crate::id::UserId;
use crate::model::Order;
use crate::store::{Sight, Timeline, message, relation as store};

/// What most messages take beside their sender.
const MESSAGE_BYTES: usize = 96;

pub(super) async fn action(service: &Service, request: &mut Request) -> Result<answer::Empty> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let other = UserId(params.required_id("to_user_id")?);
    // The document's own rule: whatever is wrong with this parameter has this code and text.
    let on = match params.integer("action_type") {
        Ok(Some(1)) => true,
        Ok(Some(2)) => false,
        _ => return Err(Code::Relation.into()),
    };
    let run = service.run_to_write()?;
    let decided = store::set(&run, viewer, other, on).await;
    service.marks.changed([other.0, viewer.0]);
    service.settle(&run, other.bucket(), decided?).await?;
    Ok(answer::Empty {})
}

/// `order`: of which order of a user.
pub(super) async fn list(service: &Service, request: &mut Request, order: fn(UserId) -> Order) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let user = params.id("user_id")?.map_or(viewer, UserId);
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    let entries = list::entries(service, &run, &mut sight, order(user), &page).await?;
    let (entries, more) = page.cut(&entries, |entry| entry.place);
    view::users(&mut sight, entries, more).await
}

/// The friends of the token's owner, whatever `user_id` says: nobody else may see whom one chats with.
pub(super) async fn friends(service: &Service, request: &mut Request) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    let friends = sight.list(&page.list(Timeline::Friends(viewer))).await?;
    let (friends, more) = page.cut(&friends, |entry| entry.place);
    let ids: Vec<UserId> = friends.iter().map(|entry| UserId(entry.id)).collect();
    sight.see(&[], &ids).await?;
    let seen: Vec<_> = ids.into_iter().filter_map(|id| sight.user(id)).collect();
    let shown: Vec<UserId> = seen.iter().map(|seen| seen.card.user.id).collect();
    let newest = message::newest(&run, viewer, &shown).await?;
    let mut writer = Writer::begin(seen.len() * (USER_BYTES + MESSAGE_BYTES));
    writer.array(r#","user_list":"#, seen.iter().zip(newest), |writer, (seen, newest)| {
        writer.raw("{");
        writer.user_fields(seen)?;
        // The latest message between the two; empty where there is none.
        writer.string(r#","message":"#, newest.as_ref().map_or("", |newest| &newest.text))?;
        // 0: the viewer received it, 1: he sent it.
        writer.number(r#","msgType":"#, u8::from(newest.is_some_and(|newest| newest.from == viewer)));
        writer.raw("}");
        Ok(())
    })?;
    more.write(&mut writer);
    Ok(writer.end())
}
