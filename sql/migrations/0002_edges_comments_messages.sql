-- What is decided in Redis and flushed here. A row is a state with the version of the change that made it; rows that
-- are off stay as tombstones, so that no older change brings them back. bucket_of(id) = (id >> 5) & 255.

create table favorite (
    from_id bigint not null, -- user
    to_id bigint not null, -- video
    version bigint not null,
    is_on boolean not null,
    primary key (from_id, to_id)
);
create index favorite_home on favorite (((to_id >> 5) & 255), to_id, version desc) where is_on;
create index favorite_mirror on favorite (((from_id >> 5) & 255), from_id, version desc) where is_on;
create index favorite_version on favorite (version);

create table follow (
    from_id bigint not null, -- follower
    to_id bigint not null, -- followed
    version bigint not null,
    is_on boolean not null,
    primary key (from_id, to_id)
);
create index follow_home on follow (((to_id >> 5) & 255), to_id, version desc) where is_on;
create index follow_mirror on follow (((from_id >> 5) & 255), from_id, version desc) where is_on;
create index follow_version on follow (version);

create table comment (
    id bigint primary key, -- lies in the video's bucket
    video_id bigint not null,
    user_id bigint not null,
    content text not null,
    version bigint not null, -- the id, or that of the deletion
    is_on boolean not null
);
create index comment_home on comment (((video_id >> 5) & 255), video_id, id desc) where is_on;
create index comment_version on comment (version);

create table message (
    id bigint primary key, -- lies in the bucket of the lower user id
    low_id bigint not null,
    high_id bigint not null,
    from_id bigint not null,
    sent_ms bigint not null, -- Unix milliseconds, unique within the chat
    content text not null
);
create index message_home on message (((low_id >> 5) & 255), low_id, high_id, sent_ms desc);

-- Outbox entries that Postgres refuses: kept as they were, never dropped.
create table dead_letter (
    bucket smallint not null,
    position bigint not null,
    fields text[] not null, -- field, value, field, value...
    reason text not null,
    at timestamptz not null default now(),
    primary key (bucket, position)
);
