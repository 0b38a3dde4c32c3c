-- Videos of some buckets that the feed may not have yet.
-- $1 buckets bigint[]
select id
from videos
join bucket on bucket.bucket = (id >> 5) & 255
where (id >> 5) & 255 = any($1) and (version = 0 or version > relayed)
order by id
