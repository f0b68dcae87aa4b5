// The pages of the admin door that probes and scripts read. Metrics, traces and the status page are made elsewhere.

import Primitives
import StatusPage

/// What a node says of itself on its pages.
package struct NodeStatus: Sendable {
    package struct PeerStatus: Sendable {
        package var name: String
        package var service: String
        package var isUp: Bool

        package init(name: String, service: String, isUp: Bool) {
            self.name = name
            self.service = service
            self.isUp = isUp
        }
    }

    package var cluster: String
    package var epoch: UInt32
    package var service: String
    package var node: String
    package var startedAt: Stamp
    /// Nil: ready.
    package var unreadiness: String?
    package var peers: [PeerStatus]

    package init(
        cluster: String, epoch: UInt32, service: String, node: String, startedAt: Stamp, unreadiness: String?,
        peers: [PeerStatus]
    ) {
        self.cluster = cluster
        self.epoch = epoch
        self.service = service
        self.node = node
        self.startedAt = startedAt
        self.unreadiness = unreadiness
        self.peers = peers
    }

    /// 200 or 503, and why.
    package var readinessAnswer: AdminAnswer {
        guard let unreadiness else { return AdminAnswer(200, .json, "{\"ready\":true}\n") }
        return AdminAnswer(503, .json, "{\"ready\":false,\"reason\":\(PlainText.json(unreadiness))}\n")
    }

    package var peersAnswer: AdminAnswer {
        let rows = peers.map {
            "{\"name\":\(PlainText.json($0.name)),\"service\":\(PlainText.json($0.service)),\"up\":\($0.isUp)}"
        }
        let head = "{\"node\":\(PlainText.json(node)),\"service\":\(PlainText.json(service)),\"epoch\":\(epoch)"
        return AdminAnswer(200, .json, head + ",\"peers\":[" + rows.joined(separator: ",") + "]}\n")
    }
}

/// The files of the status page.
enum StatusFiles {
    private static let files = EmbeddedFiles.all(status_page_file)

    static func answer(_ name: String) -> AdminAnswer {
        guard let file = files.first(where: { $0.name == name }) else { return AdminAnswer(.unknownPath) }
        let content: AdminAnswer.Content = name.hasSuffix(".html") ? .html : name.hasSuffix(".css") ? .css : .script
        return AdminAnswer(200, content, String(decoding: file.bytes, as: UTF8.self))
    }
}
