//! Where the stores of a data folder live, derived from its path alone, so that another command finds them running.
//!
//! Usually `redis/`, `postgres/` and `run/` (the sockets) lie in the data folder itself. Two things can forbid that:
//!
//! - Postgres refuses to run as root, and the user it runs as then must be able to enter every parent folder. Where
//!   it cannot, the stores live in `/var/lib/riffle/<hash of the path>`, linked from the data folder.
//! - A socket's path is at most 107 bytes, and an address with a byte that a URL would escape is not understood by
//!   the Redis library. Then the sockets (as root: everything) go to a short folder, linked in the same way.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::error::DevError;
use super::user::{StoreUser, store_user};

const HOMES: &str = "/var/lib/riffle";
/// That of the cluster's bus is 10 000 higher; both lie below those that the system gives out by itself.
const REDIS_NODE_PORT: u16 = 21_000;
const REDIS_SOCKET: &str = "redis.sock";
const POSTGRES_SOCKET: &str = ".s.PGSQL.5432";
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The folders of one data folder's stores. Absolute, and free of symbolic links.
#[derive(Debug, Clone)]
pub struct Places {
    data_dir: PathBuf,
    /// Holds `redis/` and `postgres/`.
    home: PathBuf,
    /// Holds the sockets.
    run: PathBuf,
    /// Whom the stores run as; `None`: as we do.
    user: Option<StoreUser>,
}

impl Places {
    /// Makes the data folder where it is missing; everything else is only looked at.
    pub fn of(data_dir: &Path) -> Result<Places, DevError> {
        let cannot = |reason| DevError::on("make the data folder", data_dir)(reason);
        fs::create_dir_all(data_dir).map_err(cannot)?;
        let data_dir = data_dir.canonicalize().map_err(DevError::on("use the data folder", data_dir))?;
        let hash = format!("{:016x}", fnv1a(data_dir.as_os_str().as_bytes()));
        if geteuid().is_root() {
            return places_as_root(data_dir, &hash);
        }
        let inside = data_dir.join("run");
        let outside = PathBuf::from(format!("/tmp/riffle-{}-{hash}", geteuid().as_raw()));
        let run = if sockets_fit(&inside) { inside } else { outside };
        Ok(Places { home: data_dir.clone(), run, user: None, data_dir })
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// As the Redis library reads it: `redis+unix:///path/of/the/socket`.
    pub fn redis_url(&self) -> String {
        format!("redis+unix://{}", self.redis_socket().display())
    }

    /// As `tokio_postgres` reads it: the socket's folder stands escaped in the place of the host.
    pub fn postgres_url(&self) -> String {
        self.postgres_url_of("riffle")
    }

    /// The same for another database of the cluster.
    pub fn postgres_url_of(&self, database: &str) -> String {
        let folder =
            percent_encoding::percent_encode(self.run.as_os_str().as_bytes(), percent_encoding::NON_ALPHANUMERIC);
        format!("postgres://riffle@{folder}/{database}")
    }

    pub(super) fn redis_folder(&self) -> PathBuf {
        self.home.join("redis")
    }

    pub(super) fn postgres_folder(&self) -> PathBuf {
        self.home.join("postgres")
    }

    pub(super) fn run_folder(&self) -> &Path {
        &self.run
    }

    pub(super) fn redis_socket(&self) -> PathBuf {
        self.run.join(REDIS_SOCKET)
    }

    /// Postgres makes it beside its socket.
    pub(super) fn postgres_socket_lock(&self) -> PathBuf {
        self.run.join(format!("{POSTGRES_SOCKET}.lock"))
    }

    /// The nodes of a Redis Cluster speak to each other by TCP only: on a loopback address of its own each is in nobody's
    /// way.
    pub(super) fn redis_node_address(&self) -> SocketAddrV4 {
        let [.., high, middle, low] = fnv1a(self.data_dir.as_os_str().as_bytes()).to_be_bytes();
        SocketAddrV4::new(Ipv4Addr::new(127, high, middle, low.clamp(2, 254)), REDIS_NODE_PORT)
    }

    pub(super) fn log_file(&self, store: &str) -> PathBuf {
        self.data_dir.join("log").join(format!("{store}.log"))
    }

    pub(super) fn user(&self) -> Option<&StoreUser> {
        self.user.as_ref()
    }

    /// Makes what the stores need before they start, and the links. For the owner of the data folder only.
    pub(super) fn prepare(&self) -> Result<(), DevError> {
        let log = self.data_dir.join("log");
        fs::create_dir_all(&log).map_err(DevError::on("make", &log))?;
        if self.home != self.data_dir {
            let homes = Path::new(HOMES);
            fs::create_dir_all(homes).map_err(DevError::on("make", homes))?;
            fs::set_permissions(homes, PermissionsExt::from_mode(0o755)).map_err(DevError::on("open", homes))?;
            self.make_private(&self.home)?;
            for (name, store) in [("redis", self.redis_folder()), ("postgres", self.postgres_folder())] {
                self.refuse_orphan(name, &store)?;
                self.link(name, &store)?;
            }
        }
        self.make_private(&self.redis_folder())?;
        self.make_private(&self.run)?;
        if !self.run.starts_with(&self.data_dir) {
            self.link("run", &self.run)?;
        }
        Ok(())
    }

    /// A folder that only the stores' user may enter. One that exists must be his already: `/tmp` is everyone's.
    pub(super) fn make_private(&self, folder: &Path) -> Result<(), DevError> {
        let owner = self.user.as_ref().map_or(geteuid().as_raw(), |user| user.uid);
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => match &self.user {
                Some(user) => {
                    chown(folder, Some(user.uid), Some(user.gid)).map_err(DevError::on("change the owner of", folder))
                }
                None => Ok(()),
            },
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(folder).map_err(DevError::on("look at", folder))?;
                if found.is_dir() && found.uid() == owner && found.mode() & 0o077 == 0 {
                    return Ok(());
                }
                Err(DevError::new(format!(
                    "{}: must be a folder of user {owner} that nobody else may enter (mode 0700); \
                     remove it or give it to him",
                    folder.display()
                )))
            }
            Err(error) => Err(DevError::on("make", folder)(error)),
        }
    }

    /// A link is there before its store is. Without it the data folder was removed, and with it the media of the videos
    /// that the store still has.
    fn refuse_orphan(&self, name: &str, store: &Path) -> Result<(), DevError> {
        let link = self.data_dir.join(name);
        if !store.exists() || fs::symlink_metadata(&link).is_ok() {
            return Ok(());
        }
        Err(DevError::new(format!(
            "{} is the store of a data folder that was removed from {}. To begin anew remove it too: rm -r {}. To go on \
             with it: ln -s {} {}",
            store.display(),
            self.data_dir.display(),
            self.home.display(),
            store.display(),
            link.display()
        )))
    }

    fn link(&self, name: &str, target: &Path) -> Result<(), DevError> {
        let link = self.data_dir.join(name);
        match fs::read_link(&link) {
            Ok(found) if found == target => Ok(()),
            // A data folder that was moved or copied: its stores belong to the path it had before.
            Ok(found) => Err(DevError::new(format!(
                "{} leads to {}, the store of another data folder. If the folder was moved, bring the store along \
                 (mv {} {}) and its link up to date (ln -sfn {} {}); if it was copied, remove the link",
                link.display(),
                found.display(),
                found.display(),
                target.display(),
                target.display(),
                link.display()
            ))),
            Err(_) => symlink(target, &link).map_err(DevError::on("make the link", &link)),
        }
    }
}

fn places_as_root(data_dir: PathBuf, hash: &str) -> Result<Places, DevError> {
    let user = store_user()?;
    let run = data_dir.join("run");
    // Once made, the stores stay where they are, whatever becomes of the rights of the parent folders.
    let direct = match fs::symlink_metadata(data_dir.join("postgres")) {
        Ok(found) => found.is_dir(),
        Err(_) => sockets_fit(&run) && may_enter(&user, &data_dir),
    };
    if direct {
        return Ok(Places { home: data_dir.clone(), run, user: Some(user), data_dir });
    }
    let home = Path::new(HOMES).join(hash);
    Ok(Places { data_dir, run: home.join("run"), home, user: Some(user) })
}

/// Whether every folder on the way down to `folder`, itself included, lets `user` through.
fn may_enter(user: &StoreUser, folder: &Path) -> bool {
    let lets_through = |found: Metadata| {
        let searchable = if found.uid() == user.uid {
            0o100
        } else if found.gid() == user.gid {
            0o010
        } else {
            0o001
        };
        found.mode() & searchable != 0
    };
    folder.ancestors().all(|folder| fs::metadata(folder).is_ok_and(lets_through))
}

fn sockets_fit(run: &Path) -> bool {
    let path = run.join(POSTGRES_SOCKET);
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(byte);
    bytes.len() <= SOCKET_PATH_BYTES_MAX && bytes.iter().all(plain)
}

/// Names folders on disk, so it may never change, unlike the hash of the standard library.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
