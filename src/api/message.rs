//! Chats.

use serde::Serialize;

use super::Service;
use crate::config::{ChatPoll, ChatWith, MessageTime};
use crate::error::{Error, Result};
use crate::http::{Params, Request, TextKind, answer, check_text, format_date};
use crate::id::UserId;
use crate::model::MessageRecord;
use crate::store::{Sight, message as store};

#[derive(Serialize)]
pub(super) struct Message {
    id: u64,
    to_user_id: UserId,
    from_user_id: UserId,
    content: String,
    create_time: Time,
}

/// Both shapes are out there: the document shows a date, newer clients parse Unix milliseconds.
#[derive(Serialize)]
#[serde(untagged)]
enum Time {
    Date(String),
    Ms(i64),
}

#[derive(Serialize, Default)]
pub(super) struct ChatAnswer {
    message_list: Vec<Message>,
}

pub(super) async fn action(service: &Service, request: &mut Request) -> Result<answer::Empty> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let other = other_user(&params, viewer)?;
    if params.integer("action_type")? != Some(1) {
        return Err(Error::parameter("action_type: 1 to send"));
    }
    let text = params.required_text("content")?;
    check_text("content", text, 1..=2048, TextKind::Text)?;
    let run = service.run_to_write()?;
    let anyone = service.config.chat == ChatWith::Anyone;
    // Whether they are friends is asked for in the script.
    Sight::begin(&service.cards, &run, None).expect_user(other).await?;
    let id = store::send(&run, viewer, other, text, anyone).await?;
    service.settle(&run, viewer.min(other).bucket(), id).await?;
    Ok(answer::Empty {})
}

pub(super) async fn chat(service: &Service, request: &mut Request) -> Result<ChatAnswer> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let other = other_user(&params, viewer)?;
    let asked_after = params.text("pre_msg_time")?;
    let after_ms = params.time_ms("pre_msg_time", service.config.utc_offset);
    let received_only = after_ms.is_some() && service.config.chat_poll == ChatPoll::Received;
    let run = service.slot.run()?;

    let limit = service.config.list_max;
    let mut messages = store::list(&run, viewer, other, after_ms, limit).await?;
    if received_only {
        // A page of one's own messages only would never let the client's clock go on.
        while messages.len() == limit && messages.iter().all(|message| message.from == viewer) {
            let last_ms = messages.last().map(|message| message.time_ms);
            messages = store::list(&run, viewer, other, last_ms, limit).await?;
        }
        messages.retain(|message| message.from != viewer);
    }
    let as_ms = match service.config.message_time {
        MessageTime::Auto => asked_after.is_some(),
        MessageTime::Text => false,
        MessageTime::Millis => true,
    };
    Ok(ChatAnswer { message_list: messages.into_iter().map(|message| shown(service, message, as_ms)).collect() })
}

fn other_user(params: &Params, viewer: UserId) -> Result<UserId> {
    let other = UserId(params.required_id("to_user_id")?);
    if other == viewer {
        return Err(Error::parameter("to_user_id: another user than oneself"));
    }
    Ok(other)
}

fn shown(service: &Service, message: MessageRecord, as_ms: bool) -> Message {
    Message {
        id: message.id,
        to_user_id: message.to,
        from_user_id: message.from,
        content: message.text,
        create_time: if as_ms {
            Time::Ms(message.time_ms)
        } else {
            Time::Date(format_date(message.time_ms, service.config.utc_offset))
        },
    }
}
