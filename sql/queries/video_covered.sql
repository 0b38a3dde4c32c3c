-- Notes what became of a video's cover.
-- $1 id bigint, $2 cover smallint: 1 made, 2 cannot be made
update videos
set cover = $2
where id = $1 and cover = 0
