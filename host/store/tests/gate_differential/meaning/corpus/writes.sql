-- Statements that write, in the form of reads.sql. Each runs in a transaction of its own that is rolled back.

-- INSERT.
INSERT INTO stock (sku, qty, price, place) VALUES ('kiwi', 2, 0.50, 'box');
INSERT INTO stock VALUES ('kiwi', 2, 0.50, 'box');
INSERT INTO stock VALUES ('kiwi', 2);
INSERT INTO stock VALUES ('kiwi', DEFAULT, NULL, DEFAULT);
INSERT INTO stock (sku) VALUES ('kiwi');
INSERT INTO stock (sku, qty) VALUES ('kiwi', DEFAULT), ('lime', 4);
INSERT INTO stock (sku, qty) VALUES ('kiwi', 1 + 2 * 3), ('lime', -4), ('plum', (SELECT max(qty) + 1 FROM stock));
INSERT INTO stock AS s (sku, qty) VALUES ('kiwi', 11) RETURNING s.sku, s.qty + 1, s.place, *;
INSERT INTO stock (sku, qty) VALUES ('kiwi', 12) RETURNING *;
INSERT INTO stock (sku, qty) VALUES ('kiwi', 12) RETURNING sku AS s, upper(sku), qty * 2 AS "Double", (SELECT count(*) FROM tree);
INSERT INTO stock (sku, qty) SELECT name, id FROM tree WHERE id > 3;
INSERT INTO stock (sku, qty) SELECT name, id FROM tree ORDER BY id LIMIT 2;
INSERT INTO stock (sku, qty) (SELECT name, id FROM tree WHERE id = 5);
INSERT INTO stock (sku, qty) WITH a AS (SELECT 'kiwi' AS s) SELECT s, 9 FROM a;
WITH a AS (SELECT 'kiwi' AS s) INSERT INTO stock (sku, qty) SELECT s, 9 FROM a RETURNING sku;
INSERT INTO stock (sku, qty) SELECT 'a', 20 UNION ALL SELECT 'b', 21;
INSERT INTO stock (sku, qty) TABLE tree;
INSERT INTO stock SELECT name, id FROM tree WHERE id = 5;
INSERT INTO stock (sku, qty) SELECT s, ord FROM unnest(ARRAY['x', 'y']) WITH ORDINALITY AS u (s, ord);
INSERT INTO stock (sku, qty) VALUES ($1, $2);
INSERT INTO stock (sku, qty) VALUES ($1 || 'x', $2 + 1) RETURNING qty;
INSERT INTO stock (sku, qty) SELECT u, 30 FROM unnest($1::text[]) u;
INSERT INTO customers DEFAULT VALUES;
INSERT INTO customers DEFAULT VALUES RETURNING id;
INSERT INTO customers (name) VALUES ('x') RETURNING id, name;
INSERT INTO customers (id, name) VALUES (DEFAULT, 'x') RETURNING id;
INSERT INTO customers (id, name) OVERRIDING SYSTEM VALUE VALUES (77, 'x') RETURNING id;
INSERT INTO customers (id, name) OVERRIDING USER VALUE VALUES (77, 'x') RETURNING id;
INSERT INTO kinds (flag, small, n, big, r, d, num, amount) VALUES (true, 1, 2, 3, 1.5, 2.5, 3.50, 4.567) RETURNING amount, r;
INSERT INTO kinds (t, vc, ch, b, u) VALUES ('a', 'b', 'c', '\x01', '00000000-0000-4000-8000-000000000003') RETURNING ch, b;
INSERT INTO kinds (day, clock, ts, tz, iv) VALUES ('2026-01-31', '10:30', '2026-01-31 10:30', '2026-01-31 10:30+01', '1 day') RETURNING tz, iv;
INSERT INTO kinds (day, clock, ts, tz, iv) VALUES (date '2026-01-31', time '10:30', timestamp '2026-01-31 10:30', timestamptz '2026-01-31 10:30+01', interval '1' day) RETURNING *;
INSERT INTO kinds (j, jb, ip, net, m, ns, tags) VALUES ('{"b": 1, "a": 2}', '{"b": 1, "a": 2}', '10.0.0.1', '10.0.0.0/8', 'ok', '{1,2}', ARRAY['a', 'b']) RETURNING j, jb, m;
INSERT INTO kinds (j, jb, ns, tags) VALUES (json_build_object('a', 1), jsonb_build_array(1, 2), ARRAY[1, 2 + 3], ARRAY[]::text[]) RETURNING *;
INSERT INTO kinds (n, t) VALUES (~1 + 2, 'a' 'b');
INSERT INTO kinds (n, t) VALUES (-2 ^ 2, E'a\n' || $$b$$) RETURNING n, t;
INSERT INTO kinds (ns[1], ns[2]) VALUES (1, 2) RETURNING ns;
INSERT INTO kinds (vc) VALUES ('longer than twenty characters');
INSERT INTO kinds (amount) VALUES (123456789012.345);
INSERT INTO kinds (small) VALUES (40000);
INSERT INTO kinds (n) VALUES (1 / 0);
INSERT INTO kinds (m) VALUES ('happy');
INSERT INTO kinds (n) VALUES ('x');
INSERT INTO tree (id, parent, name) VALUES (6, 99, 'x');
INSERT INTO tree (id, name) VALUES (1, 'x');
INSERT INTO tree (id, name) VALUES (6, NULL);
INSERT INTO stock (sku, price) VALUES ('kiwi', -1);
INSERT INTO stock (sku, qty, place) VALUES ('kiwi', 3, 'shelf');
INSERT INTO tree (id) VALUES (6);
INSERT INTO tree (id, name) VALUES (6);
INSERT INTO tree (id, id) VALUES (6, 6);
INSERT INTO "Mixed Case" ("Id", "größe", "a""b", "select") VALUES (3, 1, 'x', 'y') RETURNING "Id", "a""b", "select" AS "From";
INSERT INTO "Mixed Case" VALUES (3) RETURNING *;
INSERT INTO plugin_words.tree (id, name) VALUES (6, 'x') RETURNING plugin_words.tree.id;
INSERT INTO orders (status, created_at) VALUES ('new', now()) RETURNING created_at;
INSERT INTO orders (status, created_at) VALUES ('new', current_timestamp), ('new', current_date), ('old', now() - interval '1 day') RETURNING created_at;
insert into tree(id,name)values(6,'x')returning id;
update tree set name='x'where id in(1,2)returning id;
delete from items where id=1 or id=2;
INSERT INTO/**/tree(id, name)--c
VALUES (6, 'x');

-- ON CONFLICT.
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT DO NOTHING;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO NOTHING RETURNING sku;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET qty = excluded.qty;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET qty = stock.qty + excluded.qty RETURNING *;
INSERT INTO stock AS s (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET qty = s.qty + EXCLUDED.qty * 2, place = 'x' || s.place RETURNING s.qty;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET qty = 5 WHERE stock.qty > 10;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET (qty, place) = (excluded.qty, 'y');
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET (qty, place) = (SELECT 8, 'z');
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET (qty, place) = ROW (8, DEFAULT);
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET qty = DEFAULT;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku COLLATE "default") DO UPDATE SET qty = 1;
INSERT INTO stock (sku, qty, place) VALUES ('kiwi', 3, 'shelf') ON CONFLICT (place, qty) DO UPDATE SET qty = 99;
INSERT INTO stock (sku, qty, place) VALUES ('kiwi', 3, 'shelf') ON CONFLICT (qty, place) DO NOTHING;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT ON CONSTRAINT stock_pkey DO UPDATE SET qty = 2;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT ON CONSTRAINT stock_pkey DO NOTHING;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (price) DO NOTHING;
INSERT INTO stock (sku, qty) VALUES ('apple', 1), ('apple', 2) ON CONFLICT (sku) DO UPDATE SET qty = excluded.qty;
INSERT INTO stock (sku, qty) SELECT sku, 50 FROM stock ON CONFLICT (sku) DO UPDATE SET qty = excluded.qty RETURNING sku, qty;
INSERT INTO stock (sku, qty) VALUES ($1, $2) ON CONFLICT (sku) DO UPDATE SET qty = $2 + excluded.qty;
INSERT INTO tree (id, name) VALUES (1, 'x') ON CONFLICT (id) WHERE id > 0 DO UPDATE SET name = excluded.name;
INSERT INTO tree (id, name) VALUES (1, 'x'), (9, 'y') ON CONFLICT (id) DO UPDATE SET name = tree.name || excluded.name RETURNING id, name;
INSERT INTO tree AS excluded2 (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded2.name || excluded.name RETURNING name;

-- UPDATE.
UPDATE tree SET name = 'x' WHERE id = 1;
UPDATE tree SET name = upper(name) || id, parent = NULL WHERE id > 3 RETURNING id, name;
UPDATE tree AS t SET name = t.name || 'x' WHERE t.id = 2 RETURNING t.*;
UPDATE tree t SET name = 'x' RETURNING *;
UPDATE tree * SET name = 'x';
UPDATE ONLY tree SET name = 'x';
UPDATE stock SET qty = DEFAULT, place = DEFAULT WHERE sku = 'apple' RETURNING *;
UPDATE stock SET qty = qty + 1, price = price * 1.1 WHERE price > 1 OR price IS NULL;
UPDATE stock SET (qty, price) = (qty + 10, 3.5) WHERE sku = 'pear' RETURNING qty, price;
UPDATE stock SET (qty, price) = ROW (qty + 10, 3.5) WHERE sku = 'pear';
UPDATE stock SET (qty, place) = (SELECT 77, 'box') WHERE sku = 'fig' RETURNING *;
UPDATE stock SET (qty) = (SELECT 78) WHERE sku = 'fig';
UPDATE stock SET (qty, place) = (DEFAULT, 'x') WHERE sku = 'fig';
UPDATE stock SET (qty, place) = (9, 'x'), price = 1 WHERE sku = 'fig';
UPDATE stock SET qty = (SELECT count(*) + 40 FROM tree) WHERE sku = 'fig';
UPDATE orders SET status = 'x' FROM customers c WHERE c.id = orders.customer_id AND c.country = 'DE' RETURNING orders.id, c.name;
UPDATE orders o SET total = i.s FROM (SELECT order_id, sum(qty * price) AS s FROM items GROUP BY order_id) i WHERE i.order_id = o.id RETURNING o.id, o.total;
UPDATE orders o SET status = c.name FROM customers c JOIN tree t ON t.id = c.id WHERE c.id = o.customer_id;
WITH s AS (SELECT id FROM orders WHERE status = 'old') UPDATE orders SET status = 'archived' FROM s WHERE s.id = orders.id RETURNING *;
UPDATE kinds SET ns[1] = 9 WHERE id = 1 RETURNING ns;
UPDATE kinds SET ns[2:3] = '{8,9}' WHERE id = 1 RETURNING ns;
UPDATE kinds SET ns[n] = n + 1, tags[1] = 'z' WHERE id = 1 RETURNING ns, tags;
UPDATE kinds SET jb['a'] = '5' WHERE id = 1 RETURNING jb;
UPDATE kinds SET jb['a']['b'][0] = '"x"' WHERE id = 3 RETURNING jb;
UPDATE kinds SET n = n / 0;
UPDATE kinds SET n = big WHERE id = 4;
UPDATE kinds SET n = n + 1 WHERE id < 3 AND NOT n = 1;
UPDATE kinds SET n = -n ^ 2, small = ~small + 1, flag = NOT flag OR n > 3 WHERE id < 3 RETURNING n, small, flag;
UPDATE kinds SET iv = interval(0) '1.5 s', clock = time '10:30' + interval '1' hour, day = day + 1 WHERE id = 1 RETURNING iv, clock, day;
UPDATE kinds SET jb = jsonb_set(jb, '{a}', to_jsonb($1::text), true), tags = array_append(tags, 'x') WHERE id = $2 RETURNING jb, tags;
UPDATE kinds SET t = $1, n = $2, tz = $3, tags = $4, m = $5 WHERE id = $6 RETURNING t, n, tz, tags, m;
UPDATE kinds SET n = NULL, t = NULL, j = NULL, m = NULL WHERE id = 1 RETURNING n, t, j, m;
UPDATE kinds SET tz = now(), ts = localtimestamp, day = current_date WHERE id = 1 RETURNING tz, ts, day;
UPDATE kinds SET amount = 1.005, r = 0.1, ch = 'x', vc = t WHERE id = 1 RETURNING amount, r, ch, vc;
UPDATE kinds SET u = NULL, b = b || '\x00', ip = ip + 1, net = '10.0.0.0/16' WHERE id = 1 RETURNING b, ip, net;
UPDATE tree SET id = 2 WHERE id = 1;
UPDATE tree SET parent = 77 WHERE id = 2;
UPDATE stock SET price = -1;
UPDATE tree SET name = NULL;
UPDATE tree SET nothing = 1;
UPDATE tree SET name = 1;
UPDATE tree SET name = name, name = 'x';
UPDATE "Mixed Case" AS "M" SET "größe" = "M"."größe" + 1, "a""b" = 'q' WHERE "M"."Id" = 1 RETURNING "M"."größe";
UPDATE plugin_words.tree SET name = 'x' WHERE plugin_words.tree.id = 1;
UPDATE tree SET name = CASE WHEN id = 1 THEN 'a' ELSE name END WHERE id IN (1, 2) RETURNING name;
UPDATE tree SET name = (SELECT p.name FROM tree p WHERE p.id = tree.parent) WHERE parent IS NOT NULL RETURNING id, name;

-- DELETE.
DELETE FROM items WHERE id = 1;
DELETE FROM items;
DELETE FROM items AS i WHERE i.qty > 1 RETURNING i.id, i.sku AS s;
DELETE FROM items i RETURNING *;
DELETE FROM items USING orders WHERE orders.id = items.order_id AND orders.status = 'open' RETURNING items.id, orders.status;
DELETE FROM items i USING orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = i.order_id AND c.name LIKE 'A%' RETURNING i.sku, c.name;
DELETE FROM items WHERE order_id IN (SELECT id FROM orders WHERE status = 'open') RETURNING id;
DELETE FROM items WHERE EXISTS (SELECT 1 FROM orders o WHERE o.id = items.order_id AND o.total > 100);
DELETE FROM ONLY items WHERE id = 1;
DELETE FROM tree WHERE id = 1;
DELETE FROM tree WHERE id = $1;
DELETE FROM items WHERE qty BETWEEN 1 AND 3 AND NOT sku = 'pear';
DELETE FROM items WHERE qty / 0 = 1;
DELETE FROM orders WHERE created_at < now() - interval '1 month' AND customer_id IS NULL;
WITH old AS (SELECT id FROM items ORDER BY price LIMIT 2) DELETE FROM items USING old WHERE old.id = items.id RETURNING items.*;
WITH RECURSIVE r (id) AS (SELECT 4 UNION ALL SELECT t.id FROM tree t JOIN r ON t.parent = r.id) DELETE FROM tree WHERE id IN (SELECT id FROM r) RETURNING id;

-- CTEs that write.
WITH gone AS (DELETE FROM items WHERE qty = 0 RETURNING sku, qty) INSERT INTO stock (sku, qty, place) SELECT sku || '!', qty, 'gone' FROM gone RETURNING *;
WITH moved AS (UPDATE stock SET place = 'moved' WHERE sku = 'fig' RETURNING sku) SELECT sku FROM moved;
WITH added AS (INSERT INTO customers (name) VALUES ('new') RETURNING id) INSERT INTO orders (customer_id, status) SELECT id, 'open' FROM added RETURNING customer_id, status;
WITH a AS (INSERT INTO tree (id, name) VALUES (6, 'x') RETURNING id), b AS (DELETE FROM items WHERE id = 1 RETURNING id) UPDATE stock SET qty = 100 + (SELECT id FROM a) WHERE sku = 'fig' RETURNING qty;
WITH a AS (DELETE FROM items RETURNING *) DELETE FROM orders USING a WHERE a.order_id = orders.id;
WITH a AS (UPDATE tree SET name = 'y' WHERE id = 1), b AS (SELECT name FROM tree WHERE id = 1) SELECT * FROM b;

-- MERGE.
MERGE INTO stock s USING (VALUES ('apple', 5), ('kiwi', 6)) v (sku, qty) ON s.sku = v.sku WHEN MATCHED THEN UPDATE SET qty = s.qty + v.qty WHEN NOT MATCHED THEN INSERT (sku, qty) VALUES (v.sku, v.qty);
MERGE INTO stock AS s USING items AS i ON i.sku = s.sku AND i.id < 3 WHEN MATCHED AND s.qty > 1 THEN DELETE WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED AND i.sku IS NOT NULL AND i.id > 4 THEN INSERT (sku, qty) VALUES (i.sku || '?', i.qty + 60);
MERGE INTO stock USING (SELECT 'pear' AS k) v ON stock.sku = v.k WHEN MATCHED THEN UPDATE SET (qty, place) = (66, DEFAULT);
MERGE INTO stock USING (SELECT 'lime' AS k) v ON stock.sku = v.k WHEN NOT MATCHED THEN INSERT VALUES (v.k, 67, DEFAULT, 'm');
MERGE INTO stock USING (SELECT 'lime' AS k) v ON stock.sku = v.k WHEN NOT MATCHED THEN INSERT DEFAULT VALUES;
MERGE INTO stock s USING (VALUES ('apple', 5)) v (sku, qty) ON s.sku = v.sku WHEN MATCHED THEN UPDATE SET qty = v.qty RETURNING merge_action(), s.*;
MERGE INTO stock s USING (VALUES ('apple', 5)) v (sku, qty) ON s.sku = v.sku WHEN NOT MATCHED BY SOURCE THEN DELETE;
WITH v AS (SELECT 'fig' AS sku, 70 AS qty) MERGE INTO stock s USING v ON s.sku = v.sku WHEN MATCHED THEN UPDATE SET qty = v.qty;
MERGE INTO tree t USING tree p ON t.parent = p.id WHEN MATCHED THEN UPDATE SET name = p.name || '/' || t.name;

-- What 18 returns of old and new rows.
UPDATE tree SET name = 'x' WHERE id = 1 RETURNING old.name, new.name;
INSERT INTO stock (sku, qty) VALUES ('apple', 1) ON CONFLICT (sku) DO UPDATE SET qty = excluded.qty RETURNING old.qty, new.qty;
DELETE FROM items WHERE id = 1 RETURNING WITH (OLD AS o) o.sku;

-- refused on purpose: these change more than the rows of the plugin's tables, or lock them.
SELECT id FROM tree FOR UPDATE;
SELECT id FROM tree FOR SHARE OF tree NOWAIT;
TRUNCATE items;
CREATE TABLE x (y int);
SELECT * INTO x FROM tree;
SELECT nextval('orders_id_seq');
COPY tree TO STDOUT;
-- a writing WITH before a set operation, whole rows, MERGE without a list
WITH i AS (INSERT INTO tree (id, name) VALUES (900, 'x') RETURNING id) SELECT id FROM i UNION ALL SELECT id FROM tree WHERE id = 1;
WITH i AS (INSERT INTO tree (id, name) VALUES (901, 'x') RETURNING id) (SELECT id FROM i);
WITH gone AS (DELETE FROM items RETURNING *) SELECT count(gone), jsonb_agg(gone ORDER BY gone.id) FROM gone;
UPDATE kinds SET jb = to_jsonb(t) FROM tree t WHERE t.id = kinds.id RETURNING kinds.id, kinds.jb;
INSERT INTO tree (id, name) VALUES (1, 'y') ON CONFLICT (id) DO UPDATE SET name = to_jsonb(excluded)::text RETURNING *;
MERGE INTO tree t USING (SELECT 902 AS id, 1 AS parent, 'm' AS name) s ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.parent, s.name);
