-- The feed past what Redis keeps, newest first.
-- $1 id bigint: only older ones, $2 count bigint
select id
from videos
where id < $1
order by id desc
limit $2
