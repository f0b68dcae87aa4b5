// The round picture of a person or a group: letters on a colour that belongs to the name.

import { el, icon } from "/dom.js";
import { hue, initials, isGroup } from "/words.js";

export function avatar(id, title, { isOnline = false } = {}) {
  return el(
    "span.avatar",
    { "aria-hidden": "true", style: { "--hue": String(hue(id)) } },
    isGroup(id) && !title ? icon("group") : initials(title || id),
    isOnline ? el("span.online-dot") : null,
  );
}
