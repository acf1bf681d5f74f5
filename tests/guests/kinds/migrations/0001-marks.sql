CREATE TABLE marks (kind text NOT NULL);
