//! An object store that speaks S3 and checks signatures: in this process, on a thread of its own; or, where
//! `TEST_S3_URL` (`http://access:secret@host:port`) names one, a bucket of a real server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::object_store_rules::{Rules, Stored};

const REAL: &str = "TEST_S3_URL";

/// What a bucket does when it is asked to let everybody read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policies {
    Obeyed,
    Refused,
}

pub struct ObjectStore {
    pub endpoint: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    ours: Option<Ours>,
}

struct Ours {
    address: SocketAddr,
    service: S3Service,
    rules: Rules,
    folder: TempDir,
    hanging: Arc<AtomicBool>,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl ObjectStore {
    pub fn start(policies: Policies) -> ObjectStore {
        let bucket = format!("riffle-{:016x}", rand::random::<u64>());
        if let (Ok(url), Policies::Obeyed) = (std::env::var(REAL), policies) {
            let (scheme, rest) = url.split_once("://").expect("http://access:secret@host:port");
            let (keys, host) = rest.split_once('@').expect("http://access:secret@host:port");
            let (access_key, secret_key) = keys.split_once(':').expect("http://access:secret@host:port");
            return ObjectStore {
                endpoint: format!("{scheme}://{host}"),
                bucket,
                access_key: access_key.to_owned(),
                secret_key: secret_key.to_owned(),
                ours: None,
            };
        }
        let folder = tempfile::tempdir().unwrap();
        let rules = Rules::new(policies);
        let mut builder = S3ServiceBuilder::new(Stored::new(folder.path(), rules.clone()));
        builder.set_auth(SimpleAuth::from_single("riffle-access", "riffle-secret"));
        builder.set_access(rules.clone());
        let ours = Ours {
            address: ([127, 0, 0, 1], 0).into(),
            service: builder.build(),
            rules,
            folder,
            hanging: Arc::default(),
            serving: None,
        };
        let mut store = ObjectStore {
            endpoint: String::new(),
            bucket,
            access_key: "riffle-access".to_owned(),
            secret_key: "riffle-secret".to_owned(),
            ours: Some(ours),
        };
        store.start_again();
        store.endpoint = format!("http://{}", store.ours().address);
        store
    }

    /// The settings of a server that uses it, with time for a busy machine.
    pub fn settings(&self) -> [(&str, &str); 5] {
        [
            ("s3_endpoint", &self.endpoint),
            ("s3_bucket", &self.bucket),
            ("s3_access_key", &self.access_key),
            ("s3_secret_key", &self.secret_key),
            ("s3_timeout_ms", "20000"),
        ]
    }

    /// Where the objects lie as files: `<folder>/video/…`.
    pub fn folder(&self) -> PathBuf {
        self.ours().folder.path().join(&self.bucket).join("media")
    }

    /// Ends with all its connections; what it stores stays.
    pub fn stop(&mut self) {
        let (stop, thread) = self.ours_mut().serving.take().expect("it is stopped already");
        drop(stop);
        thread.join().unwrap();
    }

    /// At the same address.
    pub fn start_again(&mut self) {
        let ours = self.ours_mut();
        let listener = std::net::TcpListener::bind(ours.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        ours.address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (service, hanging) = (ours.service.clone(), ours.hanging.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(TcpListener::from_std(listener).unwrap(), service, hanging) => {}
                    _ = stopped => {}
                }
            });
        });
        ours.serving = Some((stop, thread));
    }

    /// From now on it takes requests and answers none, or answers again.
    pub fn hang(&self, hanging: bool) {
        self.ours().hanging.store(hanging, Ordering::SeqCst);
    }

    /// From now on every part of an upload fails, or none.
    pub fn refuse_parts(&self, refused: bool) {
        self.ours().rules.refuse_parts(refused);
    }

    /// From now on it takes parts of uploads and does not answer, or does again.
    pub fn hold_parts(&self, held: bool) {
        self.ours().rules.hold_parts(held);
    }

    /// Uploads in parts that were begun and neither finished nor abandoned.
    pub fn unfinished(&self) -> usize {
        self.ours().rules.unfinished()
    }

    fn ours(&self) -> &Ours {
        self.ours.as_ref().expect("a real server is not ours to play with")
    }

    fn ours_mut(&mut self) -> &mut Ours {
        self.ours.as_mut().expect("a real server is not ours to play with")
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.ours.as_mut().and_then(|ours| ours.serving.take()) {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// Its connections end with it.
async fn serve(listener: TcpListener, service: S3Service, hanging: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (service, hanging) = (service.clone(), hanging.clone());
        connections.spawn(async move {
            let answer = hyper::service::service_fn(move |request| {
                let (service, hanging) = (service.clone(), hanging.clone());
                async move {
                    if hanging.load(Ordering::SeqCst) {
                        std::future::pending::<()>().await;
                    }
                    hyper::service::Service::call(&service, request).await
                }
            });
            // A client that leaves in the middle is no failure.
            let _ = Builder::new().serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}
