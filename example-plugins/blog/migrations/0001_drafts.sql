-- Posts that are being written: nobody but this plugin sees them.
CREATE TABLE drafts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title      text        NOT NULL,
    body       text        NOT NULL,
    author     uuid,
    updated_at timestamptz NOT NULL
);
