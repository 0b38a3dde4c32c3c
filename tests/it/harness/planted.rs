//! Rows put into Postgres past the server and before it starts, with ids of the test's choice.

use riffle::id::{Bucket, EPOCH_MS};

use super::World;

/// An id as Redis would have minted it at `unix_ms`.
pub fn id_at(unix_ms: i64, bucket: u16, sequence: u64) -> u64 {
    Bucket::new(bucket).unwrap().id_at((unix_ms - EPOCH_MS) as u64) + sequence
}

impl World {
    /// A user whom nobody can sign in as.
    pub async fn plant_user(&self, id: u64) {
        let sql =
            "insert into users (id, name, name_key, password_hash, version) values ({id}, '{id}', '{id}', '', {id})";
        self.sql(&sql.replace("{id}", &id.to_string())).await;
    }

    /// Videos without a file. Their ids must lie in the author's bucket.
    pub async fn plant_videos(&self, author: u64, ids: &[u64]) {
        self.plant_videos_of_version("id", author, ids).await;
    }

    /// As a request leaves them that dies before Redis shows the video.
    pub async fn plant_pending_videos(&self, author: u64, ids: &[u64]) {
        self.plant_videos_of_version("0", author, ids).await;
    }

    async fn plant_videos_of_version(&self, version: &str, author: u64, ids: &[u64]) {
        let sql = format!(
            "insert into videos (id, author, title, object, cover, version)
             select id, {author}, 'planted', lpad(to_hex(id), 32, '0') || '.mp4', 2, {version}
             from unnest(array{ids:?}::bigint[]) as id"
        );
        self.sql(&sql).await;
    }
}
