"""A Firestore for one machine: the client library's own messages over gRPC, kept in SQLite.

`python -m localcloud.firestore --port N --data DIR` serves; `background.serve_in_background` serves inside a process;
`engine.Engine` is the whole of it without network, threads or files. Not served, and said so: Listen, Write,
ExecutePipeline, reads of a past read_time, explain_options, find_nearest, queries without a collection id. No
composite index has to be declared, and TTL policies do not run.
"""
