-- Comments, bucket by bucket of the videos, for loading Redis.
-- $1 version bigint: only what changed after it and after what its home had relayed; 0: everything that is on
-- $2 buckets bigint[]
select id, video_id, user_id, content, is_on
from comment
join bucket on bucket.bucket = (video_id >> 5) & 255
where
    (video_id >> 5) & 255 = any($2)
    and (is_on or $1::bigint > 0)
    and ($1::bigint = 0 or ((id > $1::bigint or (not is_on and version > $1::bigint)) and version > relayed))
order by (video_id >> 5) & 255, video_id, id
