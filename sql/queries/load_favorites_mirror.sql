-- Likes, bucket by bucket of the users they come from, for loading Redis.
-- $1 version bigint: only what changed after it and after what its home had relayed; 0: everything that is on
-- $2 buckets bigint[]
select from_id, to_id, favorite.version, is_on
from favorite
join bucket on bucket.bucket = (to_id >> 5) & 255
where
    (from_id >> 5) & 255 = any($2)
    and (is_on or $1::bigint > 0)
    and ($1::bigint = 0 or (favorite.version > $1::bigint and favorite.version > relayed))
order by (from_id >> 5) & 255, from_id, favorite.version
