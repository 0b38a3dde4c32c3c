-- Notes what became of a video's cover. A pending row stays pending.
-- $1 id bigint, $2 cover smallint: 1 made, 2 cannot be made, $3 version bigint: at which Redis shows it, 0 if not
update videos
set cover = $2, version = case version when 0 then 0 else greatest(version, $3) end
where id = $1 and cover = 0
