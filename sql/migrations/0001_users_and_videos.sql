-- The facts. Redis is rebuilt from these tables and from nothing else; they hold no counters, which are counted at
-- the rebuild. No foreign keys cross buckets: a row may be written before the row it names.

-- Which Redis belongs to this database: its key riffle:{feed} holds the same name.
create table installation (name text primary key);
insert into installation (name) values (gen_random_uuid()::text);

-- version 0: pending, Redis may not know the row yet. Else the version of its last change that Redis confirmed.
create table users (
    id bigint primary key,
    name text not null,
    name_key text collate "C" not null unique, -- the name after NFKC and case folding
    password_hash text not null,
    version bigint not null default 0,
    written_at timestamptz not null default now()
);
create index users_by_bucket on users (((id >> 5) & 255), id);
create index users_pending on users (id) where version = 0;

create table videos (
    id bigint primary key, -- lies in the author's bucket
    author bigint not null,
    title text not null,
    object text collate "C" not null unique, -- name of the media file
    cover smallint not null default 0, -- 0 wanted, 1 made, 2 cannot be made
    version bigint not null default 0,
    written_at timestamptz not null default now()
);
create index videos_by_bucket on videos (((id >> 5) & 255), id);
create index videos_pending on videos (id) where version = 0;
create index videos_uncovered on videos (id) where cover = 0;

-- What is known of each bucket's life in Redis; 256 is the feed.
create table bucket (
    bucket smallint primary key,
    epoch bigint not null default 0,
    open boolean not null default false,
    position bigint not null default 0, -- the outbox is flushed up to here
    relayed bigint not null default 0, -- both ends have everything up to here
    seen bigint not null default 0 -- the highest id of the bucket that a committed step relied on
);
insert into bucket (bucket) select generate_series(0, 256);

-- The runs of Redis (lives of its process) that were compared with this database and found in order.
create table admitted (
    run_id text primary key,
    at timestamptz not null default now()
);
