-- Videos that still want a cover, newest first.
-- $1 id bigint: only older ones, $2 count bigint
select id, author, title, object, cover
from videos
where cover = 0 and id < $1
order by id desc
limit $2
