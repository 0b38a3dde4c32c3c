-- Keeps an outbox entry that Postgres refuses.
-- $1 bucket smallint, $2 position bigint, $3 fields text[], $4 reason text
insert into dead_letter (bucket, position, fields, reason)
values ($1, $2, $3, $4)
on conflict (bucket, position) do nothing
