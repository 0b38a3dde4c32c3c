//! Finds the programs of the stores, or says exactly what to install.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::error::DevError;

/// Debian and Ubuntu keep one folder for each major version here, off the PATH.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

pub(super) fn redis_server() -> Result<PathBuf, DevError> {
    on_path("redis-server").ok_or_else(|| missing("redis-server", "redis-server"))
}

/// The folder of `initdb` and `postgres`: the version that made `cluster`, else the newest there is.
pub(super) fn postgres_folder(cluster: &Path) -> Result<PathBuf, DevError> {
    let version = fs::read_to_string(cluster.join("PG_VERSION")).ok().map(|text| text.trim().to_owned());
    let versions = postgres_versions();
    match version {
        Some(version) => match versions.into_iter().find(|(major, _)| major.to_string() == version) {
            Some((_, folder)) => Ok(folder),
            // One on the PATH has no version to compare; Postgres itself refuses a cluster of another one.
            None => initdb_on_path().ok_or_else(|| missing("postgres", &format!("postgresql-{version}"))),
        },
        None => match versions.into_iter().max() {
            Some((_, folder)) => Ok(folder),
            None => initdb_on_path().ok_or_else(|| missing("initdb and postgres", "postgresql")),
        },
    }
}

fn missing(programs: &str, package: &str) -> DevError {
    DevError::new(format!(
        "{programs}: not found. On Debian or Ubuntu: sudo apt-get install --no-install-recommends {package}"
    ))
}

fn postgres_versions() -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(POSTGRES_VERSIONS).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            (folder.join("initdb").exists() && folder.join("postgres").exists()).then_some((major, folder))
        })
        .collect()
}

fn initdb_on_path() -> Option<PathBuf> {
    on_path("initdb")?.parent().map(Path::to_owned)
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}
