-- Videos of a bucket that changed after a version, for loading Redis.
-- $1 bucket bigint, $2 version bigint
select id, author, title, object, cover
from videos
where (id >> 5) & 255 = $1 and greatest(id, version) > $2
order by id
