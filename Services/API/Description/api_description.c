// The OpenAPI description that /v1/openapi.json gives out, compiled in. (docs/decisions/0015-the-page.md)
#include "api_description.h"

#ifndef __has_embed
#error "This compiler does not know #embed: take Swift 6.3 or newer."
#endif
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char openapi_json[] = {
#embed "files/openapi.json"
};

const unsigned char *api_description_file(int number, const char **name, long *count) {
  if (number != 0) return 0;
  *name = "openapi.json";
  *count = sizeof openapi_json;
  return openapi_json;
}
