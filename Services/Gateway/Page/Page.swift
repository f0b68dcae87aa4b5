// The web client: plain HTML, CSS and modules in `files`, compiled into the gateway so that it stays one binary.
//
// SwiftPM turns each file into an array of bytes (docs/decisions/0015-the-page.md). A file that is added there is added here;
// Tests/Page asks a running gateway for each of them.

/// The files of the page.
public enum Page {
    /// Names as the browser asks for them, and contents; `index.html` is the page itself.
    public static let files: [(name: String, bytes: [UInt8])] = [
        ("app.js", PackageResources.app_js),
        ("attach.js", PackageResources.attach_js),
        ("avatar.js", PackageResources.avatar_js),
        ("book.js", PackageResources.book_js),
        ("chatlist.js", PackageResources.chatlist_js),
        ("conversation.js", PackageResources.conversation_js),
        ("dom.js", PackageResources.dom_js),
        ("fantail.js", PackageResources.fantail_js),
        ("icon.svg", PackageResources.icon_svg),
        ("index.html", PackageResources.index_html),
        ("manifest.webmanifest", PackageResources.manifest_webmanifest),
        ("media.js", PackageResources.media_js),
        ("notifier.js", PackageResources.notifier_js),
        ("panels.js", PackageResources.panels_js),
        ("presence.js", PackageResources.presence_js),
        ("session.js", PackageResources.session_js),
        ("signin.js", PackageResources.signin_js),
        ("store.js", PackageResources.store_js),
        ("style.css", PackageResources.style_css),
        ("sw.js", PackageResources.sw_js),
        ("tabs.js", PackageResources.tabs_js),
        ("uploads.js", PackageResources.uploads_js),
        ("words.js", PackageResources.words_js),
    ]
}
