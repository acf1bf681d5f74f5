-- One row for each change that the tap `item-changed` received.
CREATE TABLE seen (
    item     uuid    NOT NULL,
    action   text    NOT NULL,
    revision integer NOT NULL
);
