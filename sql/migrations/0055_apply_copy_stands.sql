-- A copy that stands still is named by `doctor`: since when, and why.
alter table tributary.apply_copy
    add column moved_at timestamptz not null default now(),
    add column trouble text;
comment on column tributary.apply_copy.moved_at is 'When it was begun, or the last piece was copied.';
comment on column tributary.apply_copy.trouble is 'Why the next piece was not; null: nothing is known.';
