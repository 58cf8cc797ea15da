"""The bridge between measuring and judging: append-only, checksummed, the single source of truth.

Theory of operation
===================

A journal is one file of LF-terminated ASCII lines, one line an event:

    {"crc":"9a0b3c11","seq":12,"event":{"type":"trial",...}}
    0       8       16 18

The first 18 bytes have a fixed shape. The checksum is the CRC-32 of every byte after them up to, and without,
the line feed; so it covers the sequence number and the event exactly as they were written, and it is checked
without decoding or encoding anything. `seq` is the index of the line: 0, 1, 2, ... so a lost, doubled or
moved line is noticed though its checksum is right. Line 0 is a `Header` with the schema version. No line is longer
than 64 MiB: a run's folder may come from elsewhere, and a line is read as a whole.

*Writing* (writer.py). One process holds the lock and one writer appends. A line reaches the operating system
before `append` returns, and the disk (fsync) at most 50 ms later; the fsync runs in a thread, so it never
stalls the event loop that times the calls. While an fsync runs, lines wait in memory instead (on some file
systems a write waits for it); `written()` waits for them, and the engine gives a worker its next trial only
after its last record was written. So a `kill -9` loses at most the calls in flight, a power cut also the
last 50 ms. A record counts as saved after its fsync. Any error of a write or an fsync is final for this
writer: the file is cut back to what is known to be whole, and every later use raises `StorageFailed`.

*Reading* (reader.py). A line that is not whole, and that nothing follows, is torn: the process or the machine
died while writing it. A reader stops before it; `recover`, which resuming calls, sets its bytes aside in
`journal.torn-<n>` and cuts the file. Anything wrong with a line that another line follows is damage: it is
named by line and byte offset and refused, never skipped. A large journal is judged from ranges of it that several
processes read (blocks.py), with the same results and the same errors.

Two records with one trial key are possible only where trials were run again on purpose; the later one counts.
"""

from harness.journal.blocks import Journal, blocks_of
from harness.journal.line import LONGEST_LINE, SCHEMA_VERSION, Header
from harness.journal.lock import RunLock
from harness.journal.reader import (
    Placed,
    is_finished,
    iter_records,
    open_plain,
    read_at,
    read_events,
    read_placed,
    waits_for,
)
from harness.journal.writer import JournalWriter, sync_folder
