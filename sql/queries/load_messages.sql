-- Messages, bucket by bucket of the chats, for loading Redis.
-- $1 version bigint: only what changed after it and after what its home had relayed; 0: everything
-- $2 buckets bigint[]
select id, low_id, high_id, from_id, sent_ms, content
from message
join bucket on bucket.bucket = (low_id >> 5) & 255
where (low_id >> 5) & 255 = any($2) and ($1::bigint = 0 or (id > $1::bigint and id > relayed))
order by (low_id >> 5) & 255, low_id, high_id, sent_ms
