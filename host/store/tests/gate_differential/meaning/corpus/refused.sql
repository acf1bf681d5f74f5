-- refused on purpose: what reads other things than the plugin's rows, or is not the same each time.
SELECT id, ctid FROM tree;
SELECT tableoid, xmin FROM tree;
SELECT current_user, session_user;
SELECT version();
SELECT clock_timestamp();
SELECT random();
SELECT pg_sleep(0);
SELECT current_setting('search_path');
SELECT set_config('search_path', 'x', true);
SELECT 'tree'::regclass;
SELECT '(1,2)'::point;
SELECT relname FROM pg_class;
SELECT table_name FROM information_schema.tables;
SELECT pg_typeof(1);
SELECT count(*) FROM palisade.plugins;
SELECT currval('orders_id_seq');
SELECT txid_current();
SELECT query_to_xml('SELECT 1', true, true, '');
SELECT xmlparse(document '<a/>');
-- refused on purpose: names that an alias of a join hides, and SEARCH and CYCLE.
SELECT k.id FROM (kinds k JOIN tree t USING (id)) AS j;
SELECT u.name FROM kinds k JOIN tree t USING (id) AS u;
WITH RECURSIVE r (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r WHERE id < 3) SEARCH DEPTH FIRST BY id SET o SELECT id FROM r;
