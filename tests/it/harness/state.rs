//! All that a world remembers, to show that something left no trace.

use super::World;
use super::postgres::ask_postgres;

/// Every key and its value, in one number; but for where the outboxes begin, which moves with the clock.
const DIGEST: &str = "local all = {} \
    for _, key in ipairs(redis.call('KEYS', '*')) do \
        if not string.find(key, '^trimmed:') then all[#all + 1] = key .. redis.call('DUMP', key) end \
    end \
    table.sort(all) \
    return redis.sha1hex(table.concat(all))";

/// Settings with which a server does nothing by itself that would show in a [`State`].
pub const IDLE: (&str, &str) = ("pending_after_ms", "600000");

#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// One for each node.
    redis: Vec<String>,
    users: String,
    videos: String,
    files: Vec<String>,
}

impl World {
    pub async fn state(&self) -> State {
        // Without the versions: the flush notes these behind the answer.
        let rows = async |table: &str, columns: &str| {
            let rows = format!("select {columns} from {table}");
            let sql = format!("select coalesce(md5(string_agg(t::text, ',' order by id)), 'none') from ({rows}) t");
            ask_postgres(&self.postgres_url, &sql).await
        };
        State {
            redis: self.redis_eval(DIGEST).await,
            users: rows("users", "id, name, name_key, password_hash").await,
            videos: rows("videos", "id, author, title, object, cover").await,
            files: ["incoming", "video", "cover"].into_iter().flat_map(|folder| self.media_files(folder)).collect(),
        }
    }

    /// `video/…`, `cover/…`, or `incoming/…` for uploads under way.
    pub fn media_files(&self, folder: &str) -> Vec<String> {
        let entries = match std::fs::read_dir(self.media_folder(folder)) {
            // An object store has folders only where there are objects.
            Err(error) if self.object_store.is_some() && error.kind() == std::io::ErrorKind::NotFound => {
                return Vec::new();
            }
            entries => entries.unwrap(),
        };
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut files: Vec<String> = entries.map(|entry| format!("{folder}/{}", name(entry))).collect();
        files.sort();
        files
    }
}
