-- Notes the covers of a batch as made.
-- $1 ids bigint[]
update videos
set cover = 1
where id = any ($1) and cover = 0
