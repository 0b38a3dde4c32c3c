-- Follows, bucket by bucket of the followed, for loading Redis.
-- $1 version bigint: only what changed after it and after what its home had relayed; 0: everything that is on
-- $2 buckets bigint[]
select from_id, to_id, follow.version, is_on
from follow
join bucket on bucket.bucket = (to_id >> 5) & 255
where
    (to_id >> 5) & 255 = any($2)
    and (is_on or $1::bigint > 0)
    and ($1::bigint = 0 or (follow.version > $1::bigint and follow.version > relayed))
order by (to_id >> 5) & 255, to_id, follow.version
