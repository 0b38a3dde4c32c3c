-- Which of these users and videos there are.
-- $1 ids bigint[]
select id from users where id = any($1::bigint[])
union all
select id from videos where id = any($1::bigint[])
