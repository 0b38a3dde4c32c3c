-- Videos, with the sizes that their sets should have.
-- $1 ids bigint[]
select
    id,
    author,
    title,
    object,
    cover,
    version,
    (select count(*) from favorite where (to_id >> 5) & 255 = (videos.id >> 5) & 255 and to_id = videos.id and is_on),
    (
        select count(*) from comment
        where (video_id >> 5) & 255 = (videos.id >> 5) & 255 and video_id = videos.id and is_on
    )
from videos
where id = any($1::bigint[])
