//! The endpoints: one file per word, each handler in one rhythm: take typed parameters, ask the store, answer.

mod comment;
mod favorite;
mod feed;
mod health;
mod list;
mod media;
mod message;
mod metrics;
mod publish;
mod relation;
mod user;
mod view;

use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::Method;
use serde::Serialize;
use tokio::runtime::RuntimeMetrics;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tracing::{debug, error, warn};

use self::comment::{NoComment, NoComments};
use self::list::{NoUsers, NoVideos};
use self::user::NoUser;
use crate::archive::Archive;
use crate::auth::password::Passwords;
use crate::auth::token::Tokens;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::feed::Feed;
use crate::http::{Cors, Params, Request, Response, answer};
use crate::id::Bucket;
use crate::media::{Media, Prober};
use crate::model::Order;
use crate::store::{Cards, Doubt, Marks, Run, Slot};
use crate::sync::backlog::Backlog;
use crate::sync::durable::Durable;

/// What the handlers of one thread work with.
pub struct Service {
    pub config: Arc<Config>,
    /// This thread's connection to Redis.
    pub slot: Arc<Slot>,
    /// Those of all threads.
    pub slots: Arc<[Arc<Slot>]>,
    /// What the runtimes of all threads have to do.
    pub work: Arc<[RuntimeMetrics]>,
    pub archive: Archive,
    /// The feed's pages, shared by all threads.
    pub feed: Arc<Feed>,
    /// Users and videos that were read, shared by all threads.
    pub cards: Arc<Cards>,
    /// What handlers changed.
    pub marks: Arc<Marks>,
    pub media: Media,
    pub prober: Arc<Prober>,
    pub tokens: Tokens,
    pub passwords: Passwords,
    /// Permits for uploads under way.
    pub uploads: Arc<Semaphore>,
    /// Permits for connections that are not open.
    pub connections: Arc<Semaphore>,
    pub backlog: Arc<Backlog>,
    /// Only where answers wait for Postgres.
    pub durable: Option<Arc<Durable>>,
    /// Told when a video was published.
    pub published: Arc<Notify>,
    /// Public base of media addresses, without a slash at its end.
    pub media_base: String,
    pub cors: Cors,
    pub draining: Arc<AtomicBool>,
}

#[derive(Debug, Clone, Copy)]
enum Endpoint {
    Register,
    Login,
    User,
    Publish,
    PublishList,
    Feed,
    Favorite,
    FavoriteList,
    Comment,
    CommentList,
    Relation,
    FollowList,
    FollowerList,
    FriendList,
    Message,
    Chat,
    Live,
    Ready,
    Metrics,
    Media,
}

impl Endpoint {
    fn asks_redis(self) -> bool {
        !matches!(self, Endpoint::Live | Endpoint::Ready | Endpoint::Metrics | Endpoint::Media)
    }
}

/// Paths without their final slash: each answers with and without it.
const ROUTES: &[(&str, Method, Endpoint)] = &[
    ("/douyin/feed", Method::GET, Endpoint::Feed),
    ("/douyin/user/register", Method::POST, Endpoint::Register),
    ("/douyin/user/login", Method::POST, Endpoint::Login),
    ("/douyin/user", Method::GET, Endpoint::User),
    ("/douyin/publish/action", Method::POST, Endpoint::Publish),
    ("/douyin/publish/list", Method::GET, Endpoint::PublishList),
    ("/douyin/favorite/action", Method::POST, Endpoint::Favorite),
    ("/douyin/favorite/list", Method::GET, Endpoint::FavoriteList),
    ("/douyin/comment/action", Method::POST, Endpoint::Comment),
    ("/douyin/comment/list", Method::GET, Endpoint::CommentList),
    ("/douyin/relation/action", Method::POST, Endpoint::Relation),
    ("/douyin/relation/follow/list", Method::GET, Endpoint::FollowList),
    ("/douyin/relation/follower/list", Method::GET, Endpoint::FollowerList),
    ("/douyin/relation/friend/list", Method::GET, Endpoint::FriendList),
    ("/douyin/message/action", Method::POST, Endpoint::Message),
    ("/douyin/message/chat", Method::GET, Endpoint::Chat),
    ("/livez", Method::GET, Endpoint::Live),
    ("/readyz", Method::GET, Endpoint::Ready),
    ("/metrics", Method::GET, Endpoint::Metrics),
];

/// Every path but those of media files, without its final slash, and its method.
pub fn routes() -> impl Iterator<Item = (&'static str, Method)> {
    ROUTES.iter().map(|(path, method, _)| (*path, method.clone()))
}

const MEDIA_PREFIX: &str = "/media/";
/// The longest that a read waits for its connection to be compared anew.
const MOVED_ON_MAX: Duration = Duration::from_secs(1);

pub async fn handle(service: Arc<Service>, mut request: Request) -> Response {
    let begun = Instant::now();
    let method = request.head.method.clone();
    let path = request.head.uri.path().to_owned();
    let response = respond(&service, &mut request, &method, &path).await;
    // The path only: queries carry tokens and passwords.
    debug!(%method, path, status = response.status().as_u16(), ms = begun.elapsed().as_millis() as u64);
    response
}

async fn respond(service: &Service, request: &mut Request, method: &Method, path: &str) -> Response {
    let origin = service.cors.origin(&request.head.headers);
    if *method == Method::OPTIONS
        && let Some(origin) = origin
    {
        return service.cors.preflight(origin);
    }
    let mut response = match find(path) {
        None => answer::not_found(),
        Some((allowed, endpoint)) if *method == allowed || (allowed == Method::GET && *method == Method::HEAD) => {
            if allowed == Method::GET && endpoint.asks_redis() && request.body.is_empty() {
                read(service, request, endpoint).await
            } else {
                dispatch(service, request, endpoint).await
            }
        }
        Some((Method::POST, _)) => answer::method_not_allowed("POST"),
        Some(_) => answer::method_not_allowed("GET, HEAD"),
    };
    service.cors.finish(origin, &mut response);
    response
}

fn find(path: &str) -> Option<(Method, Endpoint)> {
    if path.starts_with(MEDIA_PREFIX) {
        return Some((Method::GET, Endpoint::Media));
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let (_, method, endpoint) = ROUTES.iter().find(|(route, _, _)| *route == path)?;
    Some((method.clone(), *endpoint))
}

/// A read that met a bucket which has been loaded anew, by another process, is made once more when this thread knows of it.
/// (Not so a write: few refusals prove that none of its steps was done.)
async fn read(service: &Service, request: &mut Request, endpoint: Endpoint) -> Response {
    let run = service.slot.run().ok();
    let response = dispatch(service, request, endpoint).await;
    match run {
        Some(run) if is_unavailable(&response) && run.admission.doubted() == Doubt::MovedOn => {
            // Else whoever waits would carry the room for it.
            drop(response);
            let _ = timeout(MOVED_ON_MAX, service.slot.replaced(&run)).boxed().await;
            dispatch(service, request, endpoint).await
        }
        _ => response,
    }
}

fn is_unavailable(response: &Response) -> bool {
    response.status().as_u16() == Code::Unavailable.http_status()
}

/// Each handler in a box of its own: the largest needs ten times the room of the feed's, and a request would carry it.
fn dispatch<'a>(service: &'a Service, request: &'a mut Request, endpoint: Endpoint) -> BoxFuture<'a, Response> {
    match endpoint {
        Endpoint::Register => answered(user::register(service, request)).boxed(),
        Endpoint::Login => answered(user::login(service, request)).boxed(),
        Endpoint::User => written::<NoUser>(user::user(service, request)).boxed(),
        Endpoint::Publish => answered(publish::action(service, request)).boxed(),
        Endpoint::PublishList => written::<NoVideos>(publish::list(service, request)).boxed(),
        Endpoint::Feed => feed::answered(service, request).boxed(),
        Endpoint::Favorite => answered(favorite::action(service, request)).boxed(),
        Endpoint::FavoriteList => written::<NoVideos>(favorite::list(service, request)).boxed(),
        Endpoint::Comment => written::<NoComment>(comment::action(service, request)).boxed(),
        Endpoint::CommentList => written::<NoComments>(comment::list(service, request)).boxed(),
        Endpoint::Relation => answered(relation::action(service, request)).boxed(),
        Endpoint::FollowList => written::<NoUsers>(relation::list(service, request, Order::Followed)).boxed(),
        Endpoint::FollowerList => written::<NoUsers>(relation::list(service, request, Order::FollowedBy)).boxed(),
        Endpoint::FriendList => written::<NoUsers>(relation::friends(service, request)).boxed(),
        Endpoint::Message => answered(message::action(service, request)).boxed(),
        Endpoint::Chat => answered(message::chat(service, request)).boxed(),
        Endpoint::Live => ready(answer::success(&answer::Empty {})).boxed(),
        Endpoint::Ready => answered(health::ready(service)).boxed(),
        Endpoint::Metrics => ready(metrics::show(service)).boxed(),
        Endpoint::Media => media::file(service, request).boxed(),
    }
}

/// Answers what a handler gave.
async fn answered<T: Serialize + Default>(handler: impl Future<Output = Result<T>>) -> Response {
    match handler.await {
        Ok(value) => answer::success(&value),
        Err(fault) => failed::<T>(&fault),
    }
}

/// Sends the text that a handler wrote; `T` is what a failed answer shows.
async fn written<T: Serialize + Default>(handler: impl Future<Output = Result<Vec<u8>>>) -> Response {
    match handler.await {
        Ok(text) => answer::whole(text.into()),
        Err(fault) => failed::<T>(&fault),
    }
}

/// A failed answer keeps its endpoint's fields at their zero value. Faults are logged here and nowhere else; of what is
/// unavailable, one a second: it may be every request.
fn failed<T: Serialize + Default>(fault: &Error) -> Response {
    match fault.code {
        Code::Internal => error!("{fault}"),
        Code::Unavailable if is_first_of_this_second() => warn!("{fault}"),
        _ => debug!("{fault}"),
    }
    answer::failure::<T>(fault)
}

fn is_first_of_this_second() -> bool {
    static SECOND: AtomicI64 = AtomicI64::new(0);
    let second = crate::feed::view::now_ms() / 1_000;
    SECOND.swap(second, Ordering::Relaxed) != second
}

impl Service {
    /// The parameters of any request but an upload.
    async fn params(&self, request: &mut Request) -> Result<Params> {
        if request.body.is_empty() {
            return Ok(Params::from_query(&request.head));
        }
        // In a box: few requests have a body, and all would carry the room for reading one.
        Params::read(request, self.config.body_bytes_max).boxed().await
    }

    /// The connection for a request that changes something; none while too much waits for Postgres.
    fn run_to_write(&self) -> Result<Arc<Run>> {
        self.backlog.admits_writes()?;
        self.slot.run()
    }

    /// Waits for Postgres to have what `bucket` decided up to `version`, where the settings ask for that.
    async fn settle(&self, run: &Run, bucket: Bucket, version: u64) -> Result<()> {
        match &self.durable {
            Some(durable) => durable.wait(run, bucket, version).await,
            None => Ok(()),
        }
    }
}
