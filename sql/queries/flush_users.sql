-- Notes the versions at which Redis showed users; one that a Postgres which was put back has lost is written anew.
-- $1 ids bigint[], $2 versions bigint[], $3 names text[], $4 name keys text[], $5 password hashes text[]
insert into users (id, version, name, name_key, password_hash)
select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[])
on conflict (id) do update set version = excluded.version where users.version < excluded.version
