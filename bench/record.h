#pragma once
/* What record.c writes and sqlite_floor.c reads: a file of one server's writes, in the order in which SQLite got them.
 *
 * A sequence of operations, each a byte and what follows; numbers are of this machine's order.
 *   RECORD_TEXT       u32 number of the statement (from 0, each once), u32 length, text
 *   RECORD_RUN        u32 number, u32 count of values, values: a byte (enum record_value), then i64, or u32 length and bytes
 *   RECORD_SETUP      u32 length, text of PRAGMA statements
 *   RECORD_CHECKPOINT i32 mode */

enum record_op { RECORD_TEXT = 'T', RECORD_RUN = 'R', RECORD_SETUP = 'P', RECORD_CHECKPOINT = 'C' };
enum record_value { RECORD_NULL, RECORD_INT, RECORD_STRING, RECORD_BLOB };
