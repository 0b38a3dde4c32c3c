-- Comments by their ids, deleted ones included.
-- $1 ids bigint[]
select id, video_id, user_id, content, is_on, version
from comment
where id = any($1::bigint[])
