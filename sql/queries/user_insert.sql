-- Registers a user, pending until Redis shows it. No row: the name is taken.
-- $1 id bigint, $2 name text, $3 name_key text, $4 password_hash text
insert into users (id, name, name_key, password_hash)
values ($1, $2, $3, $4)
on conflict (name_key) do nothing
