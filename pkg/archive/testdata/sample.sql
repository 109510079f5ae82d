-- A small database with what has a place of its own in an archive.
CREATE SCHEMA "odd schema";
CREATE TABLE public.orders (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL, amount numeric(12,2),
    note text, data jsonb, raw bytea);
INSERT INTO orders (customer, amount, note, data, raw)
    SELECT 'customer ' || (g % 97), g * 1.37, CASE WHEN g % 5 > 0 THEN repeat('x', g % 50) END,
           jsonb_build_object('a', g), decode(md5(g::text), 'hex')
    FROM generate_series(1, 60) g;
CREATE INDEX ON orders (customer);
COMMENT ON TABLE orders IS E'the orders\nsecond line';
GRANT SELECT ON orders TO public;
CREATE TABLE "odd schema"."we""ird
name" (a int, "b c" text);
INSERT INTO "odd schema"."we""ird
name" VALUES (1, E'tab\tnewline\nback\\slash'), (2, '\.'), (3, NULL);
CREATE TABLE empty (a int);
CREATE TABLE nocols ();
INSERT INTO nocols DEFAULT VALUES;
INSERT INTO nocols DEFAULT VALUES;
CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO parted SELECT g, date '2024-01-01' + g * 10 FROM generate_series(1, 70) g;
CREATE UNLOGGED TABLE scratch (a int);
INSERT INTO scratch VALUES (1);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE amount > 50;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM orders;
CREATE FUNCTION one_more(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
CREATE SEQUENCE numbers;
SELECT setval('numbers', 42);
-- Oids from 2^31 on are negative integers in an archive.
SELECT lo_from_bytea(4000000000, 'hello large object'), lo_from_bytea(1000001, decode(repeat('ab', 3000), 'hex')),
       lo_create(1000002);
