// AES-GCM whose tables exist only while a record is worked on; see idle_ciphers.h.
//
// OpenSSL's own context has 960 bytes: the expanded key, and multiples of the hash key. Both follow from the key in less than a
// microsecond, so what a connection keeps is the key. All arithmetic is OpenSSL's, and so is every nonce: TLS 1.3 hands one in
// with each record. TLS 1.2 has the cipher count nonces itself; there OpenSSL's context is made at once and kept.
#include "idle_ciphers.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

enum { KEY_BYTES_MAX = 32, NONCE_BYTES = 12, TAG_BYTES = 16 };

/// One direction of one connection.
struct idle_cipher {
  /// OpenSSL's cipher of this size of key; the provider's.
  const EVP_CIPHER *cipher;
  /// OpenSSL's context: from a nonce to the end of its record, or for good once `is_kept`.
  EVP_CIPHER_CTX *full;
  unsigned char key[KEY_BYTES_MAX];
  /// Of the record that was sealed last.
  unsigned char tag[TAG_BYTES];
  unsigned char has_key, is_sealing, is_kept;
};

// MARK: One record

static void let_go(struct idle_cipher *idle) {
  // Wipes the tables.
  EVP_CIPHER_CTX_free(idle->full);
  idle->full = NULL;
}

/// Makes OpenSSL's context out of what is kept, unless it is there.
static int wake(struct idle_cipher *idle, const unsigned char *nonce) {
  if (idle->full == NULL && (idle->full = EVP_CIPHER_CTX_new()) == NULL) return 0;
  const EVP_CIPHER *cipher = EVP_CIPHER_CTX_get0_cipher(idle->full) == NULL ? idle->cipher : NULL;
  const unsigned char *key = cipher != NULL && idle->has_key ? idle->key : NULL;
  return EVP_CipherInit_ex2(idle->full, cipher, key, nonce, idle->is_sealing, NULL);
}

static int begin(struct idle_cipher *idle, const unsigned char *key, size_t key_bytes, const unsigned char *nonce, size_t nonce_bytes,
                 int is_sealing) {
  if (key != NULL && key_bytes != (size_t)EVP_CIPHER_get_key_length(idle->cipher)) return 0;
  if (nonce != NULL && nonce_bytes != NONCE_BYTES) return 0;
  // Another key, or a record that was never finished.
  if (!idle->is_kept) let_go(idle);
  idle->is_sealing = is_sealing != 0;
  if (key != NULL) {
    memcpy(idle->key, key, key_bytes);
    idle->has_key = 1;
    if (idle->is_kept) return EVP_CipherInit_ex2(idle->full, NULL, key, nonce, is_sealing, NULL);
  }
  return nonce == NULL || (idle->has_key && wake(idle, nonce));
}

static int begin_sealing(void *idle, const unsigned char *key, size_t key_bytes, const unsigned char *nonce, size_t nonce_bytes,
                         const OSSL_PARAM params[]) {
  (void)params;
  return begin(idle, key, key_bytes, nonce, nonce_bytes, 1);
}

static int begin_opening(void *idle, const unsigned char *key, size_t key_bytes, const unsigned char *nonce, size_t nonce_bytes,
                         const OSSL_PARAM params[]) {
  (void)params;
  return begin(idle, key, key_bytes, nonce, nonce_bytes, 0);
}

static int update(void *context, unsigned char *out, size_t *out_bytes, size_t room, const unsigned char *in, size_t in_bytes) {
  struct idle_cipher *idle = context;
  int made = 0;
  if (idle->full == NULL || in_bytes > INT_MAX || (out != NULL && room < in_bytes)) return 0;
  if (EVP_CipherUpdate(idle->full, out, &made, in, (int)in_bytes) != 1) return 0;
  *out_bytes = (size_t)made;
  return 1;
}

static int finish(void *context, unsigned char *out, size_t *out_bytes, size_t room) {
  struct idle_cipher *idle = context;
  int made = 0;
  (void)room;
  if (idle->full == NULL) return 0;
  int is_good = EVP_CipherFinal_ex(idle->full, out, &made);
  if (is_good == 1 && idle->is_sealing && !idle->is_kept) {
    is_good = EVP_CIPHER_CTX_ctrl(idle->full, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, idle->tag);
  }
  if (!idle->is_kept) let_go(idle);
  *out_bytes = (size_t)made;
  return is_good == 1;
}

// MARK: Parameters

/// TLS 1.2, or anything else that this file does not know: from now on everything is OpenSSL's own context's.
static EVP_CIPHER_CTX *keep(struct idle_cipher *idle) {
  if (!idle->is_kept && (idle->full != NULL || wake(idle, NULL))) idle->is_kept = 1;
  return idle->is_kept ? idle->full : NULL;
}

static int set(void *context, const OSSL_PARAM params[]) {
  struct idle_cipher *idle = context;
  if (params == NULL || params[0].key == NULL) return 1;
  if (!idle->is_kept && params[1].key == NULL) {
    size_t bytes = 0;
    if (strcmp(params[0].key, OSSL_CIPHER_PARAM_IVLEN) == 0 && OSSL_PARAM_get_size_t(params, &bytes) && bytes == NONCE_BYTES) return 1;
    if (strcmp(params[0].key, OSSL_CIPHER_PARAM_AEAD_TAG) == 0 && params[0].data_size == TAG_BYTES) {
      // Without bytes it is only the size that is wanted: all tags of TLS have it.
      if (params[0].data == NULL) return 1;
      if (idle->full != NULL) return EVP_CIPHER_CTX_set_params(idle->full, params);
    }
  }
  EVP_CIPHER_CTX *full = keep(idle);
  return full != NULL && EVP_CIPHER_CTX_set_params(full, params);
}

static int get(void *context, OSSL_PARAM params[]) {
  struct idle_cipher *idle = context;
  if (params == NULL || params[0].key == NULL) return 1;
  if (!idle->is_kept && params[1].key == NULL) {
    if (strcmp(params[0].key, OSSL_CIPHER_PARAM_AEAD_TAG) == 0 && params[0].data_size == TAG_BYTES && idle->full == NULL && idle->is_sealing)
      return OSSL_PARAM_set_octet_string(params, idle->tag, TAG_BYTES);
    if (strcmp(params[0].key, OSSL_CIPHER_PARAM_IVLEN) == 0) return OSSL_PARAM_set_size_t(params, NONCE_BYTES);
    if (strcmp(params[0].key, OSSL_CIPHER_PARAM_KEYLEN) == 0) return OSSL_PARAM_set_size_t(params, (size_t)EVP_CIPHER_get_key_length(idle->cipher));
  }
  EVP_CIPHER_CTX *full = keep(idle);
  return full != NULL && EVP_CIPHER_CTX_get_params(full, params);
}

// MARK: The provider

/// The two ciphers of OpenSSL's own; made once, and never freed: the process ends with them.
static EVP_CIPHER *aes128, *aes256;

static void *make(const EVP_CIPHER *cipher) {
  struct idle_cipher *idle = OPENSSL_zalloc(sizeof *idle);
  if (idle != NULL) idle->cipher = cipher;
  return idle;
}

static void *make128(void *provider) { return (void)provider, make(aes128); }
static void *make256(void *provider) { return (void)provider, make(aes256); }

static void destroy(void *context) {
  if (context == NULL) return;
  let_go(context);
  OPENSSL_clear_free(context, sizeof(struct idle_cipher));
}

static int describe128(OSSL_PARAM params[]) { return EVP_CIPHER_get_params(aes128, params); }
static int describe256(OSSL_PARAM params[]) { return EVP_CIPHER_get_params(aes256, params); }
static const OSSL_PARAM *described(void *provider) { return (void)provider, EVP_CIPHER_gettable_params(aes128); }
static const OSSL_PARAM *gettable(void *context, void *provider) { return (void)context, (void)provider, EVP_CIPHER_gettable_ctx_params(aes128); }
static const OSSL_PARAM *settable(void *context, void *provider) { return (void)context, (void)provider, EVP_CIPHER_settable_ctx_params(aes128); }

#define DOES(what, function) {OSSL_FUNC_CIPHER_##what, (void (*)(void))(function)}
#define CIPHER(name, made, described_by)                                                                                                   \
  static const OSSL_DISPATCH name[] = {                                                                                                    \
      DOES(NEWCTX, made), DOES(FREECTX, destroy), DOES(ENCRYPT_INIT, begin_sealing), DOES(DECRYPT_INIT, begin_opening),                    \
      DOES(UPDATE, update), DOES(FINAL, finish), DOES(GET_PARAMS, described_by), DOES(GETTABLE_PARAMS, described),                         \
      DOES(GET_CTX_PARAMS, get), DOES(GETTABLE_CTX_PARAMS, gettable), DOES(SET_CTX_PARAMS, set), DOES(SETTABLE_CTX_PARAMS, settable),      \
      {0, NULL}}
CIPHER(idle128, make128, describe128);
CIPHER(idle256, make256, describe256);

// The names that OpenSSL's own has, so that whoever asks by any of them finds this one.
static const OSSL_ALGORITHM ciphers[] = {
    {"AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", "provider=idle", idle128, NULL},
    {"AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", "provider=idle", idle256, NULL},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache) {
  (void)provider;
  *no_cache = 0;
  return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int begin_provider(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **context) {
  static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};
  (void)in;
  *out = functions;
  *context = (void *)core;
  return 1;
}

OSSL_LIB_CTX *fantail_idle_library(void) {
  OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
  if (library == NULL) return NULL;
  if (OSSL_PROVIDER_load(library, "default") != NULL) {
    aes128 = EVP_CIPHER_fetch(library, "AES-128-GCM", "provider=default");
    aes256 = EVP_CIPHER_fetch(library, "AES-256-GCM", "provider=default");
  }
  if (aes128 != NULL && aes256 != NULL && OSSL_PROVIDER_add_builtin(library, "idle", begin_provider) == 1 &&
      OSSL_PROVIDER_load(library, "idle") != NULL)
    return library;
  OSSL_LIB_CTX_free(library);
  return NULL;
}
