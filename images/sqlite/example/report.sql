PRAGMA journal_mode = WAL;
CREATE TABLE sales (region TEXT, amount INT);
INSERT INTO sales SELECT iif(value % 2, 'north', 'south'), value FROM generate_series(1, 100);
SELECT region, sum(amount) FROM sales GROUP BY region;
