-- Notes that a run of Redis was found in order.
-- $1 run_id text
insert into admitted (run_id)
values ($1)
on conflict (run_id) do nothing
