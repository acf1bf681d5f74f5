-- Statements that an earlier gate accepted and changed in silence, by kind. A statement of another file that is also here
-- is left out there until the gate is mended.

-- An operator of several characters before another, and prefix operators: PostgreSQL's precedence.
SELECT ~1 + 2;
SELECT ~ 1 * 2, - ~ 1, ~ - 1;
SELECT ~k.n + 2, ~k.n * 2 & 7 FROM kinds k;
SELECT 1 == 1;
SELECT 'a' =~ 'b';
SELECT 5 !=-1 FROM kinds WHERE id = 1;

-- A test behind the operand became an alias, or changed its operand.
SELECT n ISNULL FROM kinds;
SELECT n NOTNULL FROM kinds;
SELECT n ISNULL, t NOTNULL, n + 1 ISNULL, n = 1 ISNULL, NOT n ISNULL FROM kinds;
SELECT n + 1 ISNULL FROM kinds WHERE id < 3;
SELECT NOT n ISNULL FROM kinds;

-- Two functions under one name, and the name of the column.
SELECT substring('abc2' from '2');
SELECT substring(name from '^[A-Z]+') FROM customers;
SELECT substring('abc2def' FROM '[0-9]');
SELECT substring('abc2def', '[a-z]+');
SELECT substring('Thomas' FROM '...$');
SELECT substring('abc2def' FROM '[0-9]'), substring('abc2def', '[a-z]+'), substring('Thomas' FROM '...$');
SELECT substring('abcdef' FROM 'a#"bc#"%' FOR '#');
SELECT substr('abc', 2) FROM kinds;
SELECT substr('abc', 2, 1) FROM kinds;
SELECT substr('abc', 2), substr('abc', 2, 1), substring(b FROM 2), substring(b FROM 1 FOR 1) FROM kinds;
SELECT (substring(t FROM 2)) FROM kinds;
SELECT (position('b' IN t)), position('b' IN t)::text FROM kinds;

-- The precision of a literal's type, and a type that has none.
SELECT interval(0) '1.5 s';
SELECT 2 * interval(0) '1.5 s';
SELECT char 'xy';

-- Numbers, and letters directly behind a number.
SELECT 0b11, 0B101;
SELECT 0b11;
SELECT 0XfF;
SELECT 0o17, 0O7;
SELECT 1e;
SELECT 1.e;
SELECT 1a;
SELECT 1or;
SELECT 'a'AS x,1AS y;
SELECT 1 FROM kinds WHERE n=1OR n=7;
SELECT n+1 FROM kinds WHERE n<100AND n<>0;
SELECT * FROM tree WHERE id=$1AND name<>$2;
update tree set name='x'where id=1returning id;
delete from items where id=1or id=2;

-- Another form of a name was read as an operator.
SELECT U&"n" FROM kinds;

-- PostgreSQL has another grammar here and refuses these, or gives them another SQLSTATE.
SELECT 1 year, 2 day, 3 hour;
SELECT 1 year;
SELECT n BETWEEN 1 AND 2 BETWEEN 1 AND 2 FROM kinds;
SELECT n < 3 = flag, flag = n < 3 FROM kinds;
SELECT n < 3 = flag FROM kinds;
SELECT array_agg(n ORDER BY id DESC)[1] FROM kinds;
