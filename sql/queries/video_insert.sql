-- Publishes a video, pending until Redis shows it.
-- $1 id bigint, $2 author bigint, $3 title text, $4 object text
insert into videos (id, author, title, object)
values ($1, $2, $3, $4)
