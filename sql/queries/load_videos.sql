-- Videos, bucket by bucket and author by author, for loading Redis.
-- $1 version bigint: only what changed after it and after what its home had relayed, and what is
-- pending: Redis may have shown it and forgotten; 0: everything
-- $2 buckets bigint[]
select id, author, title, object, cover
from videos
join bucket on bucket.bucket = (id >> 5) & 255
where
    (id >> 5) & 255 = any($2)
    and ($1::bigint = 0 or version = 0 or (greatest(id, version) > $1::bigint and greatest(id, version) > relayed))
order by (id >> 5) & 255, author, id
