-- Which of these videos are not of these authors, or are not there.
-- $1 ids bigint[], $2 authors bigint[]
select asked.id, asked.author
from unnest($1::bigint[], $2::bigint[]) as asked (id, author)
where not exists (select from videos where videos.id = asked.id and videos.author = asked.author)
