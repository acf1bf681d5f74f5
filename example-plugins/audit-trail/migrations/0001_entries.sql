-- One row for each change to an item, written in the change's own transaction.
CREATE TABLE entries (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item      uuid        NOT NULL,
    item_type text        NOT NULL,
    action    text        NOT NULL CHECK (action IN ('created', 'updated', 'deleted')),
    revision  integer     NOT NULL,
    actor     uuid,
    at        timestamptz NOT NULL,
    request   text        NOT NULL
);

CREATE INDEX entries_by_item ON entries (item, id);
