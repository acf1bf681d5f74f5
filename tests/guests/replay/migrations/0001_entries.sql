CREATE TABLE entries (
    id     bigint PRIMARY KEY,
    kind   text NOT NULL,
    amount double precision NOT NULL,
    at     timestamptz
);
INSERT INTO entries (id, kind, amount) VALUES (1, 'a', 0.1), (2, 'b', 0.2), (3, 'a', 0.3), (4, 'b', 1e300), (5, 'c', -0.0);
