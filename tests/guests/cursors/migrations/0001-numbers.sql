CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE numbers (
    n      bigint PRIMARY KEY,
    colour colour,
    filler text
);
