//! Follows and friends.

use serde::Serialize;

use super::list::{self, More, Page, UsersAnswer};
use super::{Service, view};
use crate::error::{Code, Result};
use crate::http::{Request, answer};
use crate::id::UserId;
use crate::model::{Order, User};
use crate::store::{Sight, entries, message, order, relation as store};

#[derive(Serialize)]
pub(super) struct Friend {
    #[serde(flatten)]
    user: User,
    /// The latest message between the two; empty when there is none.
    message: String,
    /// 0: the viewer received it, 1: the viewer sent it.
    #[serde(rename = "msgType")]
    message_type: u8,
}

#[derive(Serialize, Default)]
pub(super) struct FriendsAnswer {
    user_list: Vec<Friend>,
    #[serde(flatten)]
    more: More,
}

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
pub(super) async fn list(service: &Service, request: &mut Request, order: fn(UserId) -> Order) -> Result<UsersAnswer> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let user = params.id("user_id")?.map_or(viewer, UserId);
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let order = order(user);
    let list = order::list(order, page.before, page.limit + 1);
    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    let entries = list::entries(service, &run, &mut sight, order, &list).await?;
    let (entries, more) = page.cut(entries, |entry| entry.place);
    let ids: Vec<UserId> = entries.into_iter().map(|entry| UserId(entry.id)).collect();
    Ok(UsersAnswer { user_list: view::users(&mut sight, &list, &ids).await?, more })
}

/// The friends of the token's owner, whatever `user_id` says: nobody else may see whom one chats with.
pub(super) async fn friends(service: &Service, request: &mut Request) -> Result<FriendsAnswer> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let page = Page::of(service, &params)?;
    let run = service.slot.run()?;

    let list = store::friends(viewer, page.before, page.limit + 1);
    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    let (entries, more) = page.cut(entries(&sight.list(&list).await?)?, |entry| entry.place);
    let ids: Vec<UserId> = entries.into_iter().map(|entry| UserId(entry.id)).collect();
    let users = view::users(&mut sight, &list, &ids).await?;
    let shown: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let newest = message::newest(&run, viewer, &shown).await?;
    let user_list = users
        .into_iter()
        .zip(newest)
        .map(|(user, newest)| Friend {
            message_type: newest.as_ref().is_some_and(|newest| newest.from == viewer).into(),
            message: newest.map(|newest| newest.text).unwrap_or_default(),
            user,
        })
        .collect();
    Ok(FriendsAnswer { user_list, more })
}
