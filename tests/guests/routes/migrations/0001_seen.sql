CREATE TABLE seen (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what text   NOT NULL
);
