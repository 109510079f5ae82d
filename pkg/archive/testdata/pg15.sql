--
-- PostgreSQL database dump
--

\restrict fVHQhE9Dab6FMkT7hCuFLlprUSV6CV7BQqmkBdEZDOU8BeVTYjLfTEHTRAjT5zp

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

-- Started on 2026-11-23 19:55:32 UTC

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- TOC entry 6 (class 2615 OID 16385)
-- Name: odd schema; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA "odd schema";


ALTER SCHEMA "odd schema" OWNER TO postgres;

--
-- TOC entry 227 (class 1255 OID 16426)
-- Name: one_more(integer); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.one_more(integer) RETURNS integer
    LANGUAGE sql
    AS $_$SELECT $1 + 1$_$;


ALTER FUNCTION public.one_more(integer) OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- TOC entry 217 (class 1259 OID 16395)
-- Name: we"ird name; Type: TABLE; Schema: odd schema; Owner: postgres
--

CREATE TABLE "odd schema"."we""ird
name" (
    a integer,
    "b c" text
);


ALTER TABLE "odd schema"."we""ird
name" OWNER TO postgres;

--
-- TOC entry 216 (class 1259 OID 16387)
-- Name: orders; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.orders (
    id integer NOT NULL,
    customer text NOT NULL,
    amount numeric(12,2),
    note text,
    data jsonb,
    raw bytea
);


ALTER TABLE public.orders OWNER TO postgres;

--
-- TOC entry 3404 (class 0 OID 0)
-- Dependencies: 216
-- Name: TABLE orders; Type: COMMENT; Schema: public; Owner: postgres
--

COMMENT ON TABLE public.orders IS 'the orders
second line';


--
-- TOC entry 224 (class 1259 OID 16418)
-- Name: big_orders; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.big_orders AS
 SELECT orders.id,
    orders.customer,
    orders.amount,
    orders.note,
    orders.data,
    orders.raw
   FROM public.orders
  WHERE (orders.amount > (50)::numeric);


ALTER TABLE public.big_orders OWNER TO postgres;

--
-- TOC entry 218 (class 1259 OID 16400)
-- Name: empty; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.empty (
    a integer
);


ALTER TABLE public.empty OWNER TO postgres;

--
-- TOC entry 219 (class 1259 OID 16403)
-- Name: nocols; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.nocols (
);


ALTER TABLE public.nocols OWNER TO postgres;

--
-- TOC entry 226 (class 1259 OID 16427)
-- Name: numbers; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public.numbers OWNER TO postgres;

--
-- TOC entry 215 (class 1259 OID 16386)
-- Name: orders_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

ALTER TABLE public.orders ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.orders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- TOC entry 220 (class 1259 OID 16406)
-- Name: parted; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted (
    id integer,
    at date
)
PARTITION BY RANGE (at);


ALTER TABLE public.parted OWNER TO postgres;

--
-- TOC entry 221 (class 1259 OID 16409)
-- Name: parted_1; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted_1 (
    id integer,
    at date
);


ALTER TABLE public.parted_1 OWNER TO postgres;

--
-- TOC entry 222 (class 1259 OID 16412)
-- Name: parted_2; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.parted_2 (
    id integer,
    at date
);


ALTER TABLE public.parted_2 OWNER TO postgres;

--
-- TOC entry 223 (class 1259 OID 16415)
-- Name: scratch; Type: TABLE; Schema: public; Owner: postgres
--

CREATE UNLOGGED TABLE public.scratch (
    a integer
);


ALTER TABLE public.scratch OWNER TO postgres;

--
-- TOC entry 225 (class 1259 OID 16422)
-- Name: totals; Type: MATERIALIZED VIEW; Schema: public; Owner: postgres
--

CREATE MATERIALIZED VIEW public.totals AS
 SELECT count(*) AS count
   FROM public.orders
  WITH NO DATA;


ALTER TABLE public.totals OWNER TO postgres;

--
-- TOC entry 3236 (class 0 OID 0)
-- Name: parted_1; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.parted ATTACH PARTITION public.parted_1 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');


--
-- TOC entry 3237 (class 0 OID 0)
-- Name: parted_2; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.parted ATTACH PARTITION public.parted_2 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');


--
-- TOC entry 3396 (class 2613 OID 1000001)
-- Name: 1000001; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('1000001');


ALTER LARGE OBJECT 1000001 OWNER TO postgres;

--
-- TOC entry 3397 (class 2613 OID 1000002)
-- Name: 1000002; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('1000002');


ALTER LARGE OBJECT 1000002 OWNER TO postgres;

--
-- TOC entry 3395 (class 2613 OID 4000000000)
-- Name: 4000000000; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('4000000000');


ALTER LARGE OBJECT 4000000000 OWNER TO postgres;

--
-- TOC entry 3387 (class 0 OID 16395)
-- Dependencies: 217
-- Data for Name: we"ird name; Type: TABLE DATA; Schema: odd schema; Owner: postgres
--

COPY "odd schema"."we""ird
name" (a, "b c") FROM stdin;
1	tab\tnewline\nback\\slash
2	\\.
3	\N
\.


--
-- TOC entry 3388 (class 0 OID 16400)
-- Dependencies: 218
-- Data for Name: empty; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.empty (a) FROM stdin;
\.


--
-- TOC entry 3389 (class 0 OID 16403)
-- Dependencies: 219
-- Data for Name: nocols; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.nocols  FROM stdin;


\.


--
-- TOC entry 3386 (class 0 OID 16387)
-- Dependencies: 216
-- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.orders (id, customer, amount, note, data, raw) FROM stdin;
1	customer 1	1.37	x	{"a": 1}	\\xc4ca4238a0b923820dcc509a6f75849b
2	customer 2	2.74	xx	{"a": 2}	\\xc81e728d9d4c2f636f067f89cc14862c
3	customer 3	4.11	xxx	{"a": 3}	\\xeccbc87e4b5ce2fe28308fd9f2a7baf3
4	customer 4	5.48	xxxx	{"a": 4}	\\xa87ff679a2f3e71d9181a67b7542122c
5	customer 5	6.85	\N	{"a": 5}	\\xe4da3b7fbbce2345d7772b0674a318d5
6	customer 6	8.22	xxxxxx	{"a": 6}	\\x1679091c5a880faf6fb5e6087eb1b2dc
7	customer 7	9.59	xxxxxxx	{"a": 7}	\\x8f14e45fceea167a5a36dedd4bea2543
8	customer 8	10.96	xxxxxxxx	{"a": 8}	\\xc9f0f895fb98ab9159f51fd0297e236d
9	customer 9	12.33	xxxxxxxxx	{"a": 9}	\\x45c48cce2e2d7fbdea1afc51c7c6ad26
10	customer 10	13.70	\N	{"a": 10}	\\xd3d9446802a44259755d38e6d163e820
11	customer 11	15.07	xxxxxxxxxxx	{"a": 11}	\\x6512bd43d9caa6e02c990b0a82652dca
12	customer 12	16.44	xxxxxxxxxxxx	{"a": 12}	\\xc20ad4d76fe97759aa27a0c99bff6710
13	customer 13	17.81	xxxxxxxxxxxxx	{"a": 13}	\\xc51ce410c124a10e0db5e4b97fc2af39
14	customer 14	19.18	xxxxxxxxxxxxxx	{"a": 14}	\\xaab3238922bcc25a6f606eb525ffdc56
15	customer 15	20.55	\N	{"a": 15}	\\x9bf31c7ff062936a96d3c8bd1f8f2ff3
16	customer 16	21.92	xxxxxxxxxxxxxxxx	{"a": 16}	\\xc74d97b01eae257e44aa9d5bade97baf
17	customer 17	23.29	xxxxxxxxxxxxxxxxx	{"a": 17}	\\x70efdf2ec9b086079795c442636b55fb
18	customer 18	24.66	xxxxxxxxxxxxxxxxxx	{"a": 18}	\\x6f4922f45568161a8cdf4ad2299f6d23
19	customer 19	26.03	xxxxxxxxxxxxxxxxxxx	{"a": 19}	\\x1f0e3dad99908345f7439f8ffabdffc4
20	customer 20	27.40	\N	{"a": 20}	\\x98f13708210194c475687be6106a3b84
21	customer 21	28.77	xxxxxxxxxxxxxxxxxxxxx	{"a": 21}	\\x3c59dc048e8850243be8079a5c74d079
22	customer 22	30.14	xxxxxxxxxxxxxxxxxxxxxx	{"a": 22}	\\xb6d767d2f8ed5d21a44b0e5886680cb9
23	customer 23	31.51	xxxxxxxxxxxxxxxxxxxxxxx	{"a": 23}	\\x37693cfc748049e45d87b8c7d8b9aacd
24	customer 24	32.88	xxxxxxxxxxxxxxxxxxxxxxxx	{"a": 24}	\\x1ff1de774005f8da13f42943881c655f
25	customer 25	34.25	\N	{"a": 25}	\\x8e296a067a37563370ded05f5a3bf3ec
26	customer 26	35.62	xxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 26}	\\x4e732ced3463d06de0ca9a15b6153677
27	customer 27	36.99	xxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 27}	\\x02e74f10e0327ad868d138f2b4fdd6f0
28	customer 28	38.36	xxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 28}	\\x33e75ff09dd601bbe69f351039152189
29	customer 29	39.73	xxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 29}	\\x6ea9ab1baa0efb9e19094440c317e21b
30	customer 30	41.10	\N	{"a": 30}	\\x34173cb38f07f89ddbebc2ac9128303f
31	customer 31	42.47	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 31}	\\xc16a5320fa475530d9583c34fd356ef5
32	customer 32	43.84	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 32}	\\x6364d3f0f495b6ab9dcf8d3b5c6e0b01
33	customer 33	45.21	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 33}	\\x182be0c5cdcd5072bb1864cdee4d3d6e
34	customer 34	46.58	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 34}	\\xe369853df766fa44e1ed0ff613f563bd
35	customer 35	47.95	\N	{"a": 35}	\\x1c383cd30b7c298ab50293adfecb7b18
36	customer 36	49.32	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 36}	\\x19ca14e7ea6328a42e0eb13d585e4c22
37	customer 37	50.69	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 37}	\\xa5bfc9e07964f8dddeb95fc584cd965d
38	customer 38	52.06	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 38}	\\xa5771bce93e200c36f7cd9dfd0e5deaa
39	customer 39	53.43	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 39}	\\xd67d8ab4f4c10bf22aa353e27879133c
40	customer 40	54.80	\N	{"a": 40}	\\xd645920e395fedad7bbbed0eca3fe2e0
41	customer 41	56.17	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 41}	\\x3416a75f4cea9109507cacd8e2f2aefc
42	customer 42	57.54	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 42}	\\xa1d0c6e83f027327d8461063f4ac58a6
43	customer 43	58.91	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 43}	\\x17e62166fc8586dfa4d1bc0e1742c08b
44	customer 44	60.28	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 44}	\\xf7177163c833dff4b38fc8d2872f1ec6
45	customer 45	61.65	\N	{"a": 45}	\\x6c8349cc7260ae62e3b1396831a8398f
46	customer 46	63.02	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 46}	\\xd9d4f495e875a2e075a1a4a6e1b9770f
47	customer 47	64.39	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 47}	\\x67c6a1e7ce56d3d6fa748ab6d9af3fd7
48	customer 48	65.76	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 48}	\\x642e92efb79421734881b53e1e1b18b6
49	customer 49	67.13	xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	{"a": 49}	\\xf457c545a9ded88f18ecee47145a72c0
50	customer 50	68.50	\N	{"a": 50}	\\xc0c7c76d30bd3dcaefc96f40275bdc0a
51	customer 51	69.87	x	{"a": 51}	\\x2838023a778dfaecdc212708f721b788
52	customer 52	71.24	xx	{"a": 52}	\\x9a1158154dfa42caddbd0694a4e9bdc8
53	customer 53	72.61	xxx	{"a": 53}	\\xd82c8d1619ad8176d665453cfb2e55f0
54	customer 54	73.98	xxxx	{"a": 54}	\\xa684eceee76fc522773286a895bc8436
55	customer 55	75.35	\N	{"a": 55}	\\xb53b3a3d6ab90ce0268229151c9bde11
56	customer 56	76.72	xxxxxx	{"a": 56}	\\x9f61408e3afb633e50cdf1b20de6f466
57	customer 57	78.09	xxxxxxx	{"a": 57}	\\x72b32a1f754ba1c09b3695e0cb6cde7f
58	customer 58	79.46	xxxxxxxx	{"a": 58}	\\x66f041e16a60928b05a7e228a89c3799
59	customer 59	80.83	xxxxxxxxx	{"a": 59}	\\x093f65e080a295f8076b1c5722a46aa2
60	customer 60	82.20	\N	{"a": 60}	\\x072b030ba126b2f4b2374f342be9ed44
\.


--
-- TOC entry 3390 (class 0 OID 16409)
-- Dependencies: 221
-- Data for Name: parted_1; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.parted_1 (id, at) FROM stdin;
1	2024-01-11
2	2024-01-21
3	2024-01-31
4	2024-02-10
5	2024-02-20
6	2024-03-01
7	2024-03-11
8	2024-03-21
9	2024-03-31
10	2024-04-10
11	2024-04-20
12	2024-04-30
13	2024-05-10
14	2024-05-20
15	2024-05-30
16	2024-06-09
17	2024-06-19
18	2024-06-29
19	2024-07-09
20	2024-07-19
21	2024-07-29
22	2024-08-08
23	2024-08-18
24	2024-08-28
25	2024-09-07
26	2024-09-17
27	2024-09-27
28	2024-10-07
29	2024-10-17
30	2024-10-27
31	2024-11-06
32	2024-11-16
33	2024-11-26
34	2024-12-06
35	2024-12-16
36	2024-12-26
\.


--
-- TOC entry 3391 (class 0 OID 16412)
-- Dependencies: 222
-- Data for Name: parted_2; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.parted_2 (id, at) FROM stdin;
37	2025-01-05
38	2025-01-15
39	2025-01-25
40	2025-02-04
41	2025-02-14
42	2025-02-24
43	2025-03-06
44	2025-03-16
45	2025-03-26
46	2025-04-05
47	2025-04-15
48	2025-04-25
49	2025-05-05
50	2025-05-15
51	2025-05-25
52	2025-06-04
53	2025-06-14
54	2025-06-24
55	2025-07-04
56	2025-07-14
57	2025-07-24
58	2025-08-03
59	2025-08-13
60	2025-08-23
61	2025-09-02
62	2025-09-12
63	2025-09-22
64	2025-10-02
65	2025-10-12
66	2025-10-22
67	2025-11-01
68	2025-11-11
69	2025-11-21
70	2025-12-01
\.


--
-- TOC entry 3392 (class 0 OID 16415)
-- Dependencies: 223
-- Data for Name: scratch; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.scratch (a) FROM stdin;
1
\.


--
-- TOC entry 3406 (class 0 OID 0)
-- Dependencies: 226
-- Name: numbers; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.numbers', 42, true);


--
-- TOC entry 3407 (class 0 OID 0)
-- Dependencies: 215
-- Name: orders_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.orders_id_seq', 60, true);


--
-- TOC entry 3398 (class 0 OID 0)
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
--

BEGIN;

SELECT pg_catalog.lo_open('1000001', 131072);
SELECT pg_catalog.lowrite(0, '\xabababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('1000002', 131072);
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('4000000000', 131072);
SELECT pg_catalog.lowrite(0, '\x68656c6c6f206c61726765206f626a656374');
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- TOC entry 3240 (class 2606 OID 16393)
-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);


--
-- TOC entry 3238 (class 1259 OID 16394)
-- Name: orders_customer_idx; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX orders_customer_idx ON public.orders USING btree (customer);


--
-- TOC entry 3405 (class 0 OID 0)
-- Dependencies: 216
-- Name: TABLE orders; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public.orders TO PUBLIC;


--
-- TOC entry 3393 (class 0 OID 16422)
-- Dependencies: 225 3400
-- Name: totals; Type: MATERIALIZED VIEW DATA; Schema: public; Owner: postgres
--

REFRESH MATERIALIZED VIEW public.totals;


-- Completed on 2026-11-23 19:55:32 UTC

--
-- PostgreSQL database dump complete
--

\unrestrict fVHQhE9Dab6FMkT7hCuFLlprUSV6CV7BQqmkBdEZDOU8BeVTYjLfTEHTRAjT5zp

