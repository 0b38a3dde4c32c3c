-- The newest videos, newest first, for loading the feed.
-- $1 version bigint: only what changed after it, and what is pending; 0: everything
-- $2 limit bigint
select id
from videos
where $1::bigint = 0 or version = 0 or version > $1::bigint
order by id desc
limit $2
