// The page that every admin port serves at /status: plain HTML, CSS and modules in `files`, compiled in (docs/decisions/0020-the-status-page.md). Each is a path of `AdminRequest`, too.
//
// A file that is added to `files` is added here, in both lists. (docs/decisions/0015-the-page.md)
#include "status_page.h"

#ifndef __has_embed
#error "This compiler does not know #embed: take Swift 6.3 or newer."
#endif
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char status_map_js[] = {
#embed "files/status-map.js"
};
static const unsigned char status_css[] = {
#embed "files/status.css"
};
static const unsigned char status_html[] = {
#embed "files/status.html"
};
static const unsigned char status_js[] = {
#embed "files/status.js"
};

#define FILE(name, bytes) {name, bytes, sizeof bytes}
static const struct {
  const char *name;
  const unsigned char *bytes;
  long count;
} files[] = {
    FILE("status-map.js", status_map_js),
    FILE("status.css", status_css),
    FILE("status.html", status_html),
    FILE("status.js", status_js),
};

const unsigned char *status_page_file(int number, const char **name, long *count) {
  if (number < 0 || number >= (int)(sizeof files / sizeof files[0])) return 0;
  *name = files[number].name;
  *count = files[number].count;
  return files[number].bytes;
}
