//! Accounts: register, login, and one user's profile.

use serde::Serialize;

use super::Service;
use crate::archive::users;
use crate::auth::name;
use crate::error::{Code, Error, Result};
use crate::feed::writer::{USER_BYTES, Writer};
use crate::http::{Params, Request, TextKind, check_text};
use crate::id::UserId;
use crate::model::Registered;
use crate::store::{Home, Sight};
use crate::sync::register as sync;

const PASSWORD_BYTES_MAX: usize = 72;

#[derive(Serialize)]
pub(super) struct AccountAnswer {
    user_id: UserId,
    token: String,
}

impl Default for AccountAnswer {
    fn default() -> AccountAnswer {
        AccountAnswer { user_id: UserId(0), token: String::new() }
    }
}

/// What a failed profile shows.
#[derive(Serialize, Default)]
pub(super) struct NoUser {
    user: Option<()>,
}

pub(super) async fn register(service: &Service, request: &mut Request) -> Result<AccountAnswer> {
    let params = service.params(request).await?;
    let (name, name_key) = user_name(&params)?;
    let password = new_password(service, &params)?;
    let run = service.run_to_write()?;

    // Spares a hash where the name is known to be taken; Postgres decides below.
    if users::by_name(&service.archive, &name_key).await?.is_some() {
        return Err(Code::NameTaken.into());
    }
    let password_hash = service.passwords.hash(password).await?;
    let registered = Registered { name, name_key, password_hash };
    let id = sync::register(run, service.archive.clone(), registered).await?;
    account(service, id)
}

pub(super) async fn login(service: &Service, request: &mut Request) -> Result<AccountAnswer> {
    let params = service.params(request).await?;
    let (_, name_key) = user_name(&params)?;
    let password = params.required_text("password")?.to_owned();

    let found = users::by_name(&service.archive, &name_key).await?;
    let known_hash = found.as_ref().map(|account| account.registered.password_hash.clone());
    let right = service.passwords.verify(password, known_hash).await?;
    let Some(found) = found.filter(|_| right) else {
        return Err(Code::Credentials.into());
    };
    if found.pending {
        Home::new(&service.slot.run()?, found.id.bucket()).show_user(found.id, &found.registered).await?;
    }
    account(service, found.id)
}

pub(super) async fn user(service: &Service, request: &mut Request) -> Result<Vec<u8>> {
    let params = service.params(request).await?;
    let viewer = service.tokens.verify(params.token())?;
    let id = params.id("user_id")?.map_or(viewer, UserId);
    let run = service.slot.run()?;
    let mut sight = Sight::begin(&service.cards, &run, Some(viewer));
    sight.see(&[], &[id]).await?;
    let seen = sight.user(id).ok_or(Code::NoUser)?;
    let mut writer = Writer::begin(USER_BYTES);
    writer.raw(r#","user":"#);
    writer.user(&seen)?;
    Ok(writer.end())
}

fn account(service: &Service, id: UserId) -> Result<AccountAnswer> {
    Ok(AccountAnswer { user_id: id, token: service.tokens.issue(id)? })
}

/// The name as typed, and the form under which it is unique.
fn user_name(params: &Params) -> Result<(String, String)> {
    let name = params.required_text("username")?;
    check_text("username", name, 1..=32, TextKind::Name)?;
    Ok((name.to_owned(), name::key(name)))
}

fn new_password(service: &Service, params: &Params) -> Result<String> {
    let password = params.required_text("password")?;
    let bytes_min = service.config.password_bytes_min;
    if !(bytes_min..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        return Err(Error::parameter(format!("password: {bytes_min} to {PASSWORD_BYTES_MAX} bytes")));
    }
    check_text("password", password, 1..=PASSWORD_BYTES_MAX, TextKind::Text)?;
    Ok(password.to_owned())
}
