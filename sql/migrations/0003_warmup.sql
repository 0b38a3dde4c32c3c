-- A warm-up that was begun and not finished: the next one of the same parts goes on behind it.
create table warmup (
    parts text primary key, -- the scopes and buckets that were asked for
    done smallint[] not null, -- buckets
    touched_at timestamptz not null default now()
);
