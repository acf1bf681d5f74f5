-- A sender that got no answer sends the same delivery again, so its id is unique.
CREATE TABLE deliveries (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery text        NOT NULL UNIQUE,
    event    text        NOT NULL,
    received timestamptz NOT NULL,
    body     text        NOT NULL
);
