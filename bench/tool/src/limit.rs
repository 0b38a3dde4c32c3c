//! The raw limit: a bare hyper server that does for a request what no server could leave out, and then sends the same
//! bytes as riffle did. Arranged as well as we know: for each core a thread with its own runtime, `SO_REUSEPORT` listener
//! and connections to Redis.
//!
//! A path says what to do: `/<what>/<scenario>/<number>/<number>…`. It is followed by the query that riffle gets, so that
//! as many bytes arrive. Nothing is checked: not the token, not the parameters.
//!
//! | what | done before the answer |
//! | --- | --- |
//! | `bytes` | nothing |
//! | `page/viewer` | two `ZMSCORE` in one write: does the viewer like the page's videos, follow their authors? |
//! | `user/viewer/user`, `works/user`, `liked/user`, `followers/user`, `comments/video`, `chat/one/other` | one read |
//! | `like/user/video/author/on`, `follow/from/to` | the two scripts |
//! | `comment/user/video`, `message/from/to` | the script |
//! | `login` | the check of a password |
//! | `upload` | the body is written to a file and synced |

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fred::clients::Client as Fred;
use fred::interfaces::{ClientLike, SortedSetsInterface};
use fred::types::config::Config;
use fred::types::{Builder, ClusterHash, CustomCommand, Value};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use riffle::auth::password::Passwords;
use riffle::http::ResponseBody;
use riffle::id::{Bucket, UserId, VideoId};
use riffle::store::{self, Address, Admission, Admitted, NodeRun, Run, keys};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::data::PASSWORD;

#[derive(Serialize, Deserialize)]
pub struct Plan {
    pub redis_url: String,
    pub uploads: PathBuf,
    /// What riffle answered, by scenario.
    pub answers: BTreeMap<String, Sample>,
    /// The newest page.
    pub videos: Vec<u64>,
    pub authors: Vec<u64>,
}

#[derive(Serialize, Deserialize, Clone)]
pub struct Sample {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub const TIMEOUT: Duration = Duration::from_secs(5);
const TEXT: &str = "a text of usual length, with 中文 in it";
/// As long as the lists that the scenarios ask for.
const LIST: &str = "20";
const LONG_LIST: &str = "1000";
const USER_FIELDS: [&str; 6] = ["name", "works", "favorited", "favorites", "follows", "followers"];

/// Never returns but with an error.
pub fn serve(plan: &Path) -> Result<()> {
    let plan: Plan = serde_json::from_slice(&std::fs::read(plan)?)?;
    let shared = Arc::new(Shared {
        passwords: Passwords::start(std::thread::available_parallelism().map_or(1, usize::from), 1_024)?,
        password_hash: block_on(async { Ok(Passwords::start(1, 1)?.hash(PASSWORD.to_owned()).await?) })?,
        plan,
    });
    let first = listen(0)?;
    let address = first.local_addr()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut listeners = vec![first];
    for _ in 1..threads {
        listeners.push(listen(address.port())?);
    }
    let threads: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let shared = shared.clone();
            std::thread::spawn(move || block_on(serve_core(listener, shared)))
        })
        .collect();
    println!("limit listening on http://{address}");
    for thread in threads {
        thread.join().map_err(|_| "a thread of the limit ended")??;
    }
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn listen(port: u16) -> Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_port(true)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(1_024)?;
    Ok(socket.into())
}

struct Shared {
    plan: Plan,
    passwords: Passwords,
    password_hash: String,
}

/// What one thread works with.
struct Core {
    shared: Arc<Shared>,
    answers: BTreeMap<String, (StatusCode, hyper::HeaderMap, Bytes)>,
    fred: Fred,
    run: Arc<Run>,
}

async fn serve_core(listener: std::net::TcpListener, shared: Arc<Shared>) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let fred = Builder::from_config(Config::from_url(&shared.plan.redis_url)?)
        .with_performance_config(|performance| performance.default_command_timeout = TIMEOUT)
        .with_connection_config(|connection| connection.tcp.nodelay = Some(true))
        .build()?;
    fred.init().await?;
    let run = admitted(&shared.plan.redis_url).await?;
    let answers = shared.plan.answers.iter().map(|(name, sample)| Ok((name.clone(), prepare(sample)?)));
    let core = Arc::new(Core { answers: answers.collect::<Result<_>>()?, shared, fred, run });
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, core.clone()));
    }
}

/// A connection to a Redis in order, whatever it holds, that knows the scripts.
pub async fn admitted(redis_url: &str) -> Result<Arc<Run>> {
    let client = Arc::new(store::Client::connect(&Address::parse(redis_url)?, TIMEOUT).await?);
    store::load_scripts(&client).await.map_err(riffle::error::Error::from)?;
    let heads = store::recovery::heads(&client, &Bucket::all().collect::<Vec<_>>()).await?;
    let epochs = heads.into_iter().map(|head| head.map_or(0, |head| head.epoch));
    let buckets = epochs.map(|epoch| Admitted { node: Some(0), epoch, loading: false }).collect();
    let node = NodeRun { address: String::new(), run_id: String::new() };
    Ok(Arc::new(Run::new(vec![Some(client)], Arc::new(Admission::new(vec![node], buckets)))))
}

/// The scripts of an action, through the server's own typed ones: their keys and arguments are theirs to know. `numbers` are
/// those of the path.
pub async fn write(run: &Arc<Run>, action: &str, [first, second, third, on]: [u64; 4]) -> Result<()> {
    match action {
        "like" => store::favorite::set(run, UserId(first), VideoId(second), UserId(third), on == 1).await?,
        "follow" => store::relation::set(run, UserId(first), UserId(second), true).await?,
        "comment" => store::comment::add(run, VideoId(second), UserId(first), TEXT).await?,
        _ => store::message::send(run, UserId(first), UserId(second), TEXT, false).await?,
    };
    Ok(())
}

fn prepare(sample: &Sample) -> Result<(StatusCode, hyper::HeaderMap, Bytes)> {
    let mut headers = hyper::HeaderMap::new();
    for (name, value) in &sample.headers {
        headers.append(hyper::header::HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
    }
    Ok((StatusCode::from_u16(sample.status)?, headers, Bytes::from(sample.body.clone())))
}

type Answering = Pin<Box<dyn Future<Output = std::result::Result<Response<ResponseBody>, Infallible>> + Send>>;

async fn connection(stream: TcpStream, core: Arc<Core>) {
    let service = service_fn(move |request| {
        let core = core.clone();
        // Boxed: hyper keeps the size of this future for every connection.
        let answer: Answering = Box::pin(async move { Ok(core.answer(request).await) });
        answer
    });
    if stream.set_nodelay(true).is_ok() {
        // A client that left in the middle of a request is none of our business.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

impl Core {
    async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        match self.work(request).await {
            Ok(response) => response,
            Err(error) => {
                let mut response = Response::new(ResponseBody::Full(error.to_string().into()));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }

    async fn work(&self, request: Request<Incoming>) -> Result<Response<ResponseBody>> {
        let path = request.uri().path().to_owned();
        let mut words = path.split('/').skip(1);
        let (what, scenario) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut numbers = [0_u64; 4];
        for (number, word) in numbers.iter_mut().zip(words) {
            *number = word.parse()?;
        }
        let (status, headers, body) = self.answers.get(scenario).ok_or("no such scenario")?;
        match what {
            "bytes" => {}
            "login" => self.login().await?,
            "upload" => self.upload(request).await?,
            "like" | "follow" | "comment" | "message" => write(&self.run, what, numbers).await?,
            _ => self.read(what, numbers).await?,
        }
        let body = if body.is_empty() { ResponseBody::Empty } else { ResponseBody::Full(body.clone()) };
        let mut response = Response::new(body);
        *response.status_mut() = *status;
        *response.headers_mut() = headers.clone();
        Ok(response)
    }

    async fn read(&self, what: &str, [first, second, ..]: [u64; 4]) -> Result<()> {
        let newest = |key: String, limit: &'static str| -> (&'static str, Vec<Bytes>) {
            let rest =
                ["+inf", "-inf", "BYSCORE", "REV", "LIMIT", "0", limit].map(|word| Bytes::from_static(word.as_bytes()));
            ("ZRANGE", std::iter::once(Bytes::from(key)).chain(rest).collect())
        };
        let (command, arguments) = match what {
            "page" => return self.page(UserId(first)).await,
            "user" => {
                let fields = USER_FIELDS.map(|field| Bytes::from_static(field.as_bytes()));
                ("HMGET", std::iter::once(Bytes::from(keys::user(UserId(second)))).chain(fields).collect())
            }
            "works" => newest(keys::works(UserId(first)), LIST),
            "liked" => newest(keys::liked(UserId(first)), LIST),
            "followers" => newest(keys::followed_by(UserId(first)), LONG_LIST),
            "comments" => newest(keys::comments(VideoId(first)), LIST),
            "chat" => newest(keys::chat(UserId(first.min(second)), UserId(first.max(second))), LIST),
            _ => return Err("no such work".into()),
        };
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
        let arguments: Vec<Value> = arguments.into_iter().map(Value::Bytes).collect();
        fred::interfaces::ClientLike::custom::<Value, _>(&self.fred, command, arguments).await?;
        Ok(())
    }

    async fn page(&self, viewer: UserId) -> Result<()> {
        let ids = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>();
        let pipeline = self.fred.pipeline();
        let () = pipeline.zmscore(keys::liked(viewer), ids(&self.shared.plan.videos)).await?;
        let () = pipeline.zmscore(keys::followed(viewer), ids(&self.shared.plan.authors)).await?;
        let _: Vec<Vec<Option<f64>>> = pipeline.all().await?;
        Ok(())
    }

    async fn login(&self) -> Result<()> {
        let hash = self.shared.password_hash.clone();
        match self.shared.passwords.verify(PASSWORD.to_owned(), Some(hash)).await? {
            true => Ok(()),
            false => Err("wrong password".into()),
        }
    }

    async fn upload(&self, request: Request<Incoming>) -> Result<()> {
        let path = self.shared.plan.uploads.join(format!("{:032x}", rand::random::<u128>()));
        let mut file = tokio::fs::File::create(&path).await?;
        let mut body = request.into_body();
        while let Some(frame) = std::future::poll_fn(|context| {
            use hyper::body::Body;
            Pin::new(&mut body).poll_frame(context)
        })
        .await
        {
            if let Ok(bytes) = frame?.into_data() {
                file.write_all(&bytes).await?;
            }
        }
        file.sync_all().await?;
        // Removed at once: nobody asks for it, and the disk is finite.
        Ok(tokio::fs::remove_file(path).await?)
    }
}
