// What a person sees who opens the gateway in a browser.

enum WelcomePage {
    static let html = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Fantail</title>
        <style>
          :root { color-scheme: light dark; --ink: #1d2733; --paper: #f6f8fa; --tick: #1f8fff; }
          @media (prefers-color-scheme: dark) { :root { --ink: #e4eaf1; --paper: #12181f; } }
          body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink);
                 font: 17px/1.6 system-ui, sans-serif; }
          main { max-width: 34rem; padding: 2rem; }
          h1 { font-weight: 650; letter-spacing: -.02em; margin: 0 0 .5rem; }
          h1 span { color: var(--tick); }
          code { font: .9em ui-monospace, monospace; background: color-mix(in srgb, var(--ink) 8%, transparent);
                 padding: .15em .4em; border-radius: .3em; }
        </style>
        <main>
          <h1>Fantail <span>&#10003;&#10003;</span></h1>
          <p>A gateway of this cluster is up. Clients speak WebSocket at <code>/v1/ws</code>, with a token of your product's
          log-in; <code>docs/protocol.md</code> says how.</p>
          <p>To try it now, in two terminals:</p>
          <p><code>fantail chat --as ana --with bob</code><br><code>fantail chat --as bob --with ana</code></p>
        </main>
        </html>

        """
}
