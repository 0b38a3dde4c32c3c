-- How many rows there are to load, for a progress bar.
-- $1 buckets bigint[]
select
    (select count(*) from users where (id >> 5) & 255 = any($1)) as users,
    (select count(*) from videos where (id >> 5) & 255 = any($1)) as videos,
    (select count(*) from favorite where is_on and (to_id >> 5) & 255 = any($1)) as favorites,
    (select count(*) from favorite where is_on and (from_id >> 5) & 255 = any($1)) as favorite_mirrors,
    (select count(*) from follow where is_on and (to_id >> 5) & 255 = any($1)) as follows,
    (select count(*) from follow where is_on and (from_id >> 5) & 255 = any($1)) as follow_mirrors,
    (select count(*) from comment where is_on and (video_id >> 5) & 255 = any($1)) as comments,
    (select count(*) from message where (low_id >> 5) & 255 = any($1)) as messages
