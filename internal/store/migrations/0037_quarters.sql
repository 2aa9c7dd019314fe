-- What store_day counts, by the quarter of an hour in which it happened: every zone
-- of today is a whole number of quarters away from UTC, so that the days of any zone
-- are sums of these. at is the quarter's beginning. It names no customer.
CREATE TABLE store_quarter (
  workspace TEXT   NOT NULL,
  at        BIGINT NOT NULL,
  account   TEXT   NOT NULL,
  what      TEXT   NOT NULL,
  product   TEXT   NOT NULL,
  n         BIGINT NOT NULL,
  PRIMARY KEY (workspace, at, account, what, product)
);

-- Of what was counted before only the day is known. It goes to 11:00 UTC, which is
-- that day from UTC-11 to UTC+12. The inner sums are the day's Julian number, whose
-- 2440588 is 1970-01-01.
INSERT INTO store_quarter (workspace, at, account, what, product, n)
SELECT workspace, (d + (153 * m + 2) / 5 + 365 * y + y / 4 - y / 100 + y / 400 - 32045 - 2440588) * 86400000000 + 39600000000, account, what, product, n
FROM (
  SELECT workspace, account, what, product, n, d, y + 4800 - (14 - m) / 12 AS y, m + 12 * ((14 - m) / 12) - 3 AS m
  FROM (
    SELECT workspace, account, what, product, n,
      CAST(substr(day, 1, 4) AS BIGINT) AS y, CAST(substr(day, 6, 2) AS BIGINT) AS m, CAST(substr(day, 9, 2) AS BIGINT) AS d
    FROM store_day
  ) AS written
) AS shifted;
