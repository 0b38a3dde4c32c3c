-- The buckets of the newest videos.
-- $1 limit bigint: how many videos
select distinct (id >> 5) & 255
from (select id from videos order by id desc limit $1) as newest
