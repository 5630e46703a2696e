"""A store in PostgreSQL, for any number of machines. The only place that knows its driver.

    dialect     our SQL, as PostgreSQL says it
    address     where the database is, what of that may be shown, and what went wrong there
    session     one connection
    commits     transactions that share a commit: one writer at a time, and none twice
    readers     connections that only read
    record      the record, read from end to end
    store       a `gateway.store.Store` of these

psycopg 3 is the driver because the transactions of a store are plain functions, run in the thread that commits them,
and it is the one driver that is kept well, typed, and not only asynchronous. It is under the LGPL: so it is an extra
(`toolgate[postgres]`), installed by who wants it and changed as he likes, and nothing else here needs it.
"""
