// The page that every admin port serves at /status: plain HTML, CSS and modules in `files`, compiled in (docs/decisions/0020-the-status-page.md).
//
// A file that is added there is added here, and as a path to `AdminRequest`.

public enum StatusPage {
    /// Names as the browser asks for them, and contents; `status.html` is the page itself.
    public static let files: [(name: String, bytes: [UInt8])] = [
        ("status.css", PackageResources.status_css),
        ("status.html", PackageResources.status_html),
        ("status.js", PackageResources.status_js),
        ("status-map.js", PackageResources.status_map_js),
    ]
}
