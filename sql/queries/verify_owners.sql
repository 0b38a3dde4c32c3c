-- Which of these users and videos there are, and whether each is a video.
-- $1 users bigint[], $2 videos bigint[]
select id, false from users where id = any($1::bigint[])
union all
select id, true from videos where id = any($2::bigint[])
