#pragma once
#include <sqlite3.h>

/// Whether closing the connection moves the log into the main file, as SQLite does by default. Variadic functions such as
/// `sqlite3_db_config` are not imported into Swift.
static inline int fantail_set_checkpoint_on_close(sqlite3 *handle, int is_on) {
  return sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !is_on, (int *)0);
}
