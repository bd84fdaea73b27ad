-- No migration: empties a partition at once, and keeps which inputs its rows had, until they have been looked at.

CREATE TABLE {kept} AS SELECT DISTINCT inputid FROM {partition} WHERE inputid IS NOT NULL;
TRUNCATE {partition};
