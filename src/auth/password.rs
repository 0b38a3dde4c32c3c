//! Passwords: argon2id at OWASP's minimum (19 MiB, 2 passes), on a few threads of low priority behind a bounded queue,
//! so that a flood of logins slows no other endpoint.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};

/// Nice value of the threads that hash: whatever answers requests goes first.
const NICENESS: i32 = 10;

/// What is verified against where there is no such user, so that the answer takes as long: any hash at today's cost.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$SdmrIIW1sVUi7mpQzTn6XA$T7KmD2nkzrM9+wFmw9yRvfGG6Iu/58uIItCQe5JQQxg";

/// What a thread hashes in, kept: 19 MiB that are asked for and given back each time are never used again by the
/// allocator of glibc where they are aligned, and the process grows by as much with every sign-in.
type Memory = Vec<Block>;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

#[derive(Clone)]
pub struct Passwords {
    queue: SyncSender<Job>,
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
        Ok(Passwords { queue })
    }

    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move |memory| hash(&password, memory)).await?
    }

    /// Whether `password` is that of `known_hash`; without one, false after as long a time.
    pub async fn verify(&self, password: String, known_hash: Option<String>) -> Result<bool> {
        self.run(move |memory| {
            let right = is_of(&password, known_hash.as_deref().unwrap_or(NOBODY), memory)?;
            Ok(right && known_hash.is_some())
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |memory: &mut Memory| {
            // Nobody waits any more when the client has gone.
            let _ = sender.send(work(memory));
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
    let mut memory = Memory::new();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(&mut memory),
            Err(_) => return,
        }
    }
}

/// In the text form of the PHC, with a new salt.
fn hash(password: &str, memory: &mut Memory) -> Result<String> {
    let argon2 = Argon2::default();
    let salt = Salt::generate();
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params()).map_err(Error::internal)?,
        salt: Some(salt),
        hash: Some(output(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN, memory)?),
    };
    Ok(hash.to_string())
}

/// At the cost that the known hash had.
fn is_of(password: &str, known_hash: &str, memory: &mut Memory) -> Result<bool> {
    let known = PasswordHash::new(known_hash).map_err(Error::internal)?;
    let algorithm = Algorithm::try_from(known.algorithm.as_str()).map_err(Error::internal)?;
    let version = known.version.map_or(Ok(Version::default()), Version::try_from).map_err(Error::internal)?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&known).map_err(Error::internal)?);
    let (Some(salt), Some(hash)) = (known.salt, known.hash) else {
        return Err(Error::internal("a password hash without salt or hash"));
    };
    // Compared in constant time.
    Ok(output(&argon2, password, &salt, hash.len(), memory)? == hash)
}

fn output(argon2: &Argon2<'_>, password: &str, salt: &Salt, bytes: usize, memory: &mut Memory) -> Result<Output> {
    let blocks = argon2.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let mut filled = vec![0; bytes];
    argon2
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut filled, &mut memory[..blocks])
        .map_err(Error::internal)?;
    Output::new(&filled).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;

    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let passwords = Passwords::start(1, 4).unwrap();
        let hash = passwords.hash("12345".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(Argon2::default().verify_password(b"12345", &*hash).is_ok());
        assert!(passwords.verify("12345".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("12346".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody".into(), None).await.unwrap());
    }

    #[test]
    fn a_name_that_nobody_has_costs_as_much_as_one_that_somebody_has() {
        let mut memory = Memory::new();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(cost(NOBODY), cost(&hash("12345", &mut memory).unwrap()));
        assert!(is_of("nobody", NOBODY, &mut memory).unwrap());
    }

    #[test]
    fn hashes_of_another_cost_are_verified() {
        let cheap = "$argon2id$v=19$m=64,t=3,p=2$NV612Yhob+DyOLGVstcNVQ$rVtGeZP6ZtavfucyVVIIH7akOmsLprPq";
        let mut memory = Memory::new();
        assert!(is_of("12345", cheap, &mut memory).unwrap());
        assert!(!is_of("12346", cheap, &mut memory).unwrap());
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
                    .run(move |_| {
                        let _ = started.send(());
                        held.recv()
                    })
                    .await
            }
        });
        running.await.unwrap();
        let (waiting, mut answer) = oneshot::channel();
        passwords.queue.try_send(Box::new(move |_| waiting.send(()).unwrap())).unwrap();
        assert_eq!(passwords.hash("12345".into()).await.unwrap_err().code, Code::TooMany);
        assert!(answer.try_recv().is_err());
        release.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        answer.await.unwrap();
    }
}
