#pragma once
#include <limits.h>
#include <openssl/types.h>

/// A library of OpenSSL's for connections that are silent nearly always: everything is OpenSSL's own, but a direction of TLS 1.3 with AES-GCM keeps
/// 72 bytes between two records instead of 960, and each record costs about half a microsecond more
/// (docs/decisions/0024-keys-not-tables.md). Make contexts with `SSL_CTX_new_ex` and the property query "?provider=idle".
/// - Returns: one that lives as long as the process; NULL when OpenSSL has no AES-GCM, or no memory. Once a process, from one thread.
OSSL_LIB_CTX *fantail_idle_library(void);
