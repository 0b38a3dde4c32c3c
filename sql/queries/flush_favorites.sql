-- Brings favorites to the states of a batch, unless a newer one is stored.
-- $1 from_ids bigint[], $2 to_ids bigint[], $3 versions bigint[], $4 states boolean[]
insert into favorite (from_id, to_id, version, is_on)
select *
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[])
on conflict (((to_id >> 5) & 255), to_id, from_id) do update
set version = excluded.version, is_on = excluded.is_on
where excluded.version > favorite.version
