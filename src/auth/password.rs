//! Passwords: argon2id at OWASP's minimum (19 MiB, 2 passes), on a few threads of low priority behind a bounded queue,
//! so that a flood of logins slows no other endpoint.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};

/// Nice value of the threads that hash: whatever answers requests goes first.
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub struct Passwords {
    queue: SyncSender<Job>,
    /// Verified against where there is no such user, so that the answer takes as long.
    nobody: Arc<String>,
}

impl Passwords {
    /// `queue_max`: how many may wait; a further one is answered 100013.
    pub fn start(threads: usize, queue_max: usize) -> Result<Passwords> {
        let (queue, jobs) = sync_channel::<Job>(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = jobs.clone();
            std::thread::Builder::new()
                .name("password".into())
                .spawn(move || work(&jobs))
                .map_err(|error| Error::internal(format!("password thread: {error}")))?;
        }
        Ok(Passwords { queue, nobody: Arc::new(hash("nobody")?) })
    }

    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || hash(&password)).await?
    }

    /// Whether `password` is that of `known_hash`; without one, false after as long a time.
    pub async fn verify(&self, password: String, known_hash: Option<String>) -> Result<bool> {
        let nobody = self.nobody.clone();
        self.run(move || {
            let known = known_hash.as_ref().unwrap_or(&nobody);
            let parsed = PasswordHash::new(known).map_err(Error::internal)?;
            let right = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(right && known_hash.is_some())
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            // Nobody waits any more when the client has gone.
            let _ = sender.send(work());
        });
        match self.queue.try_send(job) {
            Ok(()) => receiver.await.map_err(|_| Error::internal("a password thread died")),
            Err(TrySendError::Full(_)) => Err(Code::TooMany.into()),
            Err(TrySendError::Disconnected(_)) => Err(Error::internal("the password threads are gone")),
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    // Linux keeps a nice value for each thread; elsewhere this is refused and hashing runs as everything else.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

fn hash(password: &str) -> Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(Error::internal)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let passwords = Passwords::start(1, 4).unwrap();
        let hash = passwords.hash("12345".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("12345".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("12346".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let passwords = Passwords::start(1, 1).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let first = tokio::spawn({
            let passwords = passwords.clone();
            async move {
                passwords
                    .run(move || {
                        let _ = started.send(());
                        held.recv()
                    })
                    .await
            }
        });
        running.await.unwrap();
        let (waiting, mut answer) = oneshot::channel();
        passwords.queue.try_send(Box::new(move || waiting.send(()).unwrap())).unwrap();
        assert_eq!(passwords.hash("12345".into()).await.unwrap_err().code, Code::TooMany);
        assert!(answer.try_recv().is_err());
        release.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        answer.await.unwrap();
    }
}
