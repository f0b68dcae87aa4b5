// The web client: plain HTML, CSS and modules in `files`, compiled into the gateway so that it stays one binary.
//
// A file that is added to `files` is added here, in both lists. (docs/decisions/0015-the-page.md)
#include "gateway_page.h"

#ifndef __has_embed
#error "This compiler does not know #embed: take Swift 6.3 or newer."
#endif
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char app_js[] = {
#embed "files/app.js"
};
static const unsigned char attach_js[] = {
#embed "files/attach.js"
};
static const unsigned char avatar_js[] = {
#embed "files/avatar.js"
};
static const unsigned char book_js[] = {
#embed "files/book.js"
};
static const unsigned char boot_js[] = {
#embed "files/boot.js"
};
static const unsigned char chatlist_js[] = {
#embed "files/chatlist.js"
};
static const unsigned char conversation_js[] = {
#embed "files/conversation.js"
};
static const unsigned char dom_js[] = {
#embed "files/dom.js"
};
static const unsigned char fantail_js[] = {
#embed "files/fantail.js"
};
static const unsigned char icon_svg[] = {
#embed "files/icon.svg"
};
static const unsigned char index_html[] = {
#embed "files/index.html"
};
static const unsigned char manifest_webmanifest[] = {
#embed "files/manifest.webmanifest"
};
static const unsigned char media_js[] = {
#embed "files/media.js"
};
static const unsigned char notifier_js[] = {
#embed "files/notifier.js"
};
static const unsigned char panels_js[] = {
#embed "files/panels.js"
};
static const unsigned char presence_js[] = {
#embed "files/presence.js"
};
static const unsigned char session_js[] = {
#embed "files/session.js"
};
static const unsigned char signin_js[] = {
#embed "files/signin.js"
};
static const unsigned char store_js[] = {
#embed "files/store.js"
};
static const unsigned char style_css[] = {
#embed "files/style.css"
};
static const unsigned char sw_js[] = {
#embed "files/sw.js"
};
static const unsigned char tabs_js[] = {
#embed "files/tabs.js"
};
static const unsigned char uploads_js[] = {
#embed "files/uploads.js"
};
static const unsigned char words_js[] = {
#embed "files/words.js"
};

#define FILE(name, bytes) {name, bytes, sizeof bytes}
static const struct {
  const char *name;
  const unsigned char *bytes;
  long count;
} files[] = {
    FILE("app.js", app_js),
    FILE("attach.js", attach_js),
    FILE("avatar.js", avatar_js),
    FILE("book.js", book_js),
    FILE("boot.js", boot_js),
    FILE("chatlist.js", chatlist_js),
    FILE("conversation.js", conversation_js),
    FILE("dom.js", dom_js),
    FILE("fantail.js", fantail_js),
    FILE("icon.svg", icon_svg),
    FILE("index.html", index_html),
    FILE("manifest.webmanifest", manifest_webmanifest),
    FILE("media.js", media_js),
    FILE("notifier.js", notifier_js),
    FILE("panels.js", panels_js),
    FILE("presence.js", presence_js),
    FILE("session.js", session_js),
    FILE("signin.js", signin_js),
    FILE("store.js", store_js),
    FILE("style.css", style_css),
    FILE("sw.js", sw_js),
    FILE("tabs.js", tabs_js),
    FILE("uploads.js", uploads_js),
    FILE("words.js", words_js),
};

const unsigned char *gateway_page_file(int number, const char **name, long *count) {
  if (number < 0 || number >= (int)(sizeof files / sizeof files[0])) return 0;
  *name = files[number].name;
  *count = files[number].count;
  return files[number].bytes;
}
