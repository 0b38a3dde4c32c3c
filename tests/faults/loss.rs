//! The mark behind which Redis may lose what was acknowledged, where the fault is one of Redis's data.

use std::time::Instant;

use crate::harness::{World, ask_postgres, eventually};

/// The last entry of each outbox: bucket and position.
const LAST_ENTRIES: &str = "local all = {} \
    for _, key in ipairs(redis.call('KEYS', 'outbox:*')) do \
      local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1] \
      if last then all[#all + 1] = string.match(key, 'b(%d+)') .. ',' .. string.match(last[1], '^%d+') end \
    end \
    return table.concat(all, ' ')";

/// Waits until Postgres has all that was acknowledged up to now, and gives this now.
pub async fn flushed(world: &World) -> Instant {
    let mark = Instant::now();
    let entries = world.redis_eval(LAST_ENTRIES).await.join(" ");
    let rows: Vec<String> = entries.split_whitespace().map(|entry| format!("({entry})")).collect();
    assert!(!rows.is_empty(), "no outbox holds anything");
    let sql = format!(
        "select count(*)::text from (values {}) as last (bucket, position)
         join bucket on bucket.bucket = last.bucket where bucket.position < last.position",
        rows.join(", ")
    );
    let behind = async || (ask_postgres(&world.postgres_url, &sql).await == "0").then_some(());
    eventually("the flush to pass a mark", behind).await;
    mark
}
