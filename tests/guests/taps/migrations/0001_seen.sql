-- One row for each change that `item-changed` was told of.
CREATE TABLE seen (
    item     uuid    NOT NULL,
    action   text    NOT NULL,
    revision integer NOT NULL
);
