#pragma once
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

// What OpenSSL spells as macros, which Swift cannot call.

/// TLS 1.2 and 1.3, no renegotiation, no compression, the server's order of ciphers, and buffers that an idle connection gives back.
static inline int fantail_tls_restrict(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

static inline int fantail_tls_set_groups(SSL_CTX *context, const char *names) {
  return (int)SSL_CTX_set1_groups_list(context, names);
}

/// The certificates behind the context's own one.
static inline STACK_OF(X509) *fantail_tls_chain(SSL_CTX *context) {
  STACK_OF(X509) *chain = NULL;
  SSL_CTX_get0_chain_certs(context, &chain);
  return chain;
}

static inline int fantail_tls_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}

/// Names the other side in what is verified: an address as an address, anything else as a host.
static inline int fantail_tls_expect(SSL *ssl, const char *name) {
  X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, name) == 1) return 1;
  return X509_VERIFY_PARAM_set1_host(wanted, name, 0);
}

/// Wipes the keys of an exchange that is over: OpenSSL keeps both until the connection ends, and needs neither. 0.4 KiB.
static inline void fantail_tls_forget_exchange(SSL *ssl) {
  EVP_PKEY *key = NULL;
  // An object of its own for each connection; giving it a type takes its key away.
  if (SSL_get_peer_tmp_key(ssl, &key) == 1) {
    EVP_PKEY_set_type(key, EVP_PKEY_X25519);
    EVP_PKEY_free(key);
  }
  if (SSL_get_tmp_key(ssl, &key) == 1) {
    EVP_PKEY_set_type(key, EVP_PKEY_X25519);
    EVP_PKEY_free(key);
  }
}

static inline void fantail_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline void fantail_bio_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

/// Seconds since 1970; 0 for a time that cannot be read.
static inline long long fantail_seconds(const ASN1_TIME *time) {
  struct tm parts;
  return ASN1_TIME_to_tm(time, &parts) == 1 ? (long long)timegm(&parts) : 0;
}
