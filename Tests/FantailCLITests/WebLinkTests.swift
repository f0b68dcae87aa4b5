// Links, as the cluster and people write them.

import Cluster
import FantailCLI
import Testing

@Suite struct WebLinkTests {
    @Test(arguments: [
        ("http://127.0.0.1:8082/v1/media/get/x?user=ana", false, "127.0.0.1:8082", "/v1/media/get/x?user=ana"),
        ("https://files.example.org/a", true, "files.example.org:443", "/a"),
        ("http://files.example.org", false, "files.example.org:80", "/"),
        ("wss://chat.example.org:8443", true, "chat.example.org:8443", "/"),
        ("ws://localhost:8080/", false, "localhost:8080", "/"),
    ])
    func aLinkHasItsParts(text: String, isSecure: Bool, address: String, path: String) throws {
        let link = try #require(WebLink(text))
        #expect(link.isSecure == isSecure)
        #expect("\(link.address)" == address)
        #expect(link.path == path)
    }

    @Test(arguments: ["", "127.0.0.1:80", "ftp://a/b", "https://", "https:///x", "https://a b/", "https://u@a/", "http://a:0/", "http://a:99999/"])
    func whatIsNoLinkIsNone(text: String) { #expect(WebLink(text) == nil) }
}
