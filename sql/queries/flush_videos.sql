-- Notes the versions at which Redis showed videos; one that a Postgres which was put back has lost is written anew.
-- $1 ids bigint[], $2 versions bigint[], $3 authors bigint[], $4 titles text[], $5 objects text[]
insert into videos (id, version, author, title, object)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
on conflict (id) do update set version = excluded.version where videos.version < excluded.version
