"""The private server's settings, each with its reason: safety, or what was measured.

Figures are medians of turns on 2 cores, PostgreSQL 18: 10,000 images of 300 bytes (17 MB of WAL)
and 200 to 600 of 500 KB (140 to 430 MB of WAL), stored by the repository as `predict` does. Memory
is that of all processes together. `python -m tests.benchmarks --only settings` measures again.
"""

from __future__ import annotations

import sys

EVERYWHERE = """\
# Written by mlpredict at every start; your own settings: ALTER SYSTEM SET name = value

# Nobody else gets in
listen_addresses = ''               # never on a network: the socket is the only way in
unix_socket_permissions = 0700      # and only its owner's (the directory's mode says so again)

# Nothing is lost; checksums, made with the database, cost nothing measurable either
fsync = on                          # a prediction that was printed survives a power cut
full_page_writes = on               # and a torn page
synchronous_commit = on             # it is on the disk before it is printed

# Nothing outside the data directory that a logout or a small disk could take away
dynamic_shared_memory_type = mmap   # a logout may empty /dev/shm (RemoveIPC): nobody could connect then
min_dynamic_shared_memory = 4MB     # else a full disk stops parallel queries, as list's are; 0.3 MB

# A laptop's memory and disk are for the model and the images. All in all the idle server takes 8 MB
# after a start and 39 after a load; with PostgreSQL's defaults 18 and 146.
shared_buffers = 32MB               # as fast as 16 to 256, also into 1,000,000 images; 64 holds 35 MB more
max_connections = 40                # one user's commands are few; 100 take 2 MB more
wal_level = minimal                 # restoring 200 photos writes 2.5 MB of WAL, not 143, in 0.86 of the time
max_wal_senders = 0                 # minimal asks for it
max_logical_replication_workers = 0 # a process and 0.9 MB less
max_wal_size = 128MB                # photos take 0.97 to 1.16 of the time with 512, whose WAL keeps 450 MB

# The log, and the list of processes
logging_collector = off             # some builds turn it on; server.log is whoever starts the server's
log_checkpoints = off               # a start and stop write 0.8 KB, not 1.6
cluster_name = 'mlpredict'          # tells in ps what these processes are
"""

FROM_18 = """\
io_method = sync                    # as fast as worker, with three processes and 1.5 MB less
"""

LINUX = """\
recovery_init_sync_method = syncfs  # a killed server is back in 0.04 s, not 0.10; 0.14 and 1.9 on a busy disk
"""

MACOS = """\
wal_sync_method = fsync_writethrough # else fsync ends in the drive's cache, which a power cut empties
"""


def settings_text(major: int, platform: str = sys.platform) -> str:
    """The settings file for a major version of PostgreSQL, 15 or later, on `platform`."""
    newer = FROM_18 if major >= 18 else ""
    return EVERYWHERE + newer + {"linux": LINUX, "darwin": MACOS}.get(platform, "")
