-- Notes what a warm-up has done so far.
-- $1 parts text, $2 done smallint[]
insert into warmup (parts, done)
values ($1, $2)
on conflict (parts) do update set done = excluded.done, touched_at = now()
