// Loads the page, which is many files. One that does not come (a gateway that is restarted or busy, a network that drops it) would
// leave nothing on the screen and nobody to say so: this file stands alone, says so, and loads everything again in a moment.

"use strict";

(() => {
  const root = document.getElementById("root");
  const key = "fantail.loads";

  /// 2 s after the first failure, then twice as long each time, a minute at most; spread, so that not everybody comes at once.
  const pause = (failures) => Math.min(60_000, 2_000 * 2 ** Math.min(failures - 1, 5)) * (0.75 + Math.random() / 2);

  function show(sentence, again) {
    const text = document.createElement("p");
    text.className = "loading";
    text.setAttribute("role", "status");
    text.append(sentence);
    if (again) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "primary";
      button.append("Try again");
      button.onclick = () => location.reload();
      text.append(button);
    }
    root.replaceChildren(text);
  }

  // Only what takes long is said: a page that flickers is no better. What the page draws takes its place.
  setTimeout(() => {
    if (!root.querySelector("*:not(noscript)")) show("Fantail is loading …", false);
  }, 500);
  import("/app.js").then(
    () => sessionStorage.removeItem(key),
    (error) => {
      // What came and is wrong does not get better by coming again.
      if (!(error instanceof TypeError)) {
        show("Fantail cannot start here.", true);
        throw error;
      }
      const failures = Number(sessionStorage.getItem(key) ?? 0) + 1;
      sessionStorage.setItem(key, String(failures));
      show("A part of the page did not come. It is loaded again in a moment.", true);
      setTimeout(() => location.reload(), pause(failures));
    },
  );
})();
