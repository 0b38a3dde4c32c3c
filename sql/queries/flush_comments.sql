-- Adds the comments of a batch; one that is there, or was deleted, stays as it is.
-- $1 ids bigint[], $2 video_ids bigint[], $3 user_ids bigint[], $4 contents text[]
insert into comment (id, video_id, user_id, content, version, is_on)
select id, video_id, user_id, content, id, true
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) as added (id, video_id, user_id, content)
on conflict (id) do nothing
