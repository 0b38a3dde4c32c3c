-- Likes with the authors of the videos, bucket by bucket of the videos, for loading Redis.
-- $1 version bigint: only what changed after it and after what its home had relayed; 0: everything that is on
-- $2 buckets bigint[]
select from_id, to_id, favorite.version, is_on, author
from favorite
join videos on videos.id = to_id and (videos.id >> 5) & 255 = any($2)
join bucket on bucket.bucket = (to_id >> 5) & 255
where
    (to_id >> 5) & 255 = any($2)
    and (is_on or $1::bigint > 0)
    and ($1::bigint = 0 or (favorite.version > $1::bigint and favorite.version > relayed))
order by (to_id >> 5) & 255, to_id, favorite.version
