-- A sender that got no answer sends the same delivery again, so its id is unique.
CREATE TABLE deliveries (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery text   NOT NULL UNIQUE,
    body     text   NOT NULL
);
