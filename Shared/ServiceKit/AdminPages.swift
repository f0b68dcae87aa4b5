// The pages of the admin door that people and probes read. Metrics and traces are made elsewhere.

import Primitives

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

    package var homeAnswer: AdminAnswer {
        let upCount = peers.count { $0.isUp }
        let rows = peers.map { peer in
            """
            <tr><td>\(PlainText.html(peer.name))</td><td>\(PlainText.html(peer.service))</td>\
            <td class="\(peer.isUp ? "up" : "down")">\(peer.isUp ? "up" : "down")</td></tr>
            """
        }
        let ready = unreadiness.map { "<span class=\"down\">not ready</span>: \(PlainText.html($0))" }
        let page = """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>\(PlainText.html(node)) · Fantail</title>
            <style>
            :root { color-scheme: light dark }
            body { font: 15px/1.6 system-ui, sans-serif; max-width: 44em; margin: 3em auto; padding: 0 1em }
            h1 { font-weight: 600; margin-bottom: 0 }
            dl { display: grid; grid-template-columns: 8em 1fr; gap: .2em 1em }
            dt { opacity: .6 } dd { margin: 0 }
            table { border-collapse: collapse; width: 100% }
            th { text-align: left; font-weight: normal; opacity: .6 }
            td, th { padding: .3em 1em .3em 0; border-bottom: 1px solid #8884 }
            .up { color: #1a8f4c } .down { color: #d0382b; font-weight: 600 }
            nav a { margin-right: 1em }
            </style>
            <h1>\(PlainText.html(node))</h1>
            <p>\(PlainText.html(service)) of cluster \(PlainText.html(cluster))</p>
            <dl>
            <dt>state</dt><dd>\(ready ?? "<span class=\"up\">ready</span>")</dd>
            <dt>up since</dt><dd>\(PlainText.rfc3339(startedAt))</dd>
            <dt>release</dt><dd>\(FantailVersion.text)</dd>
            <dt>epoch</dt><dd>\(epoch)</dd>
            <dt>peers</dt><dd>\(upCount) of \(peers.count) up</dd>
            </dl>
            <nav><a href="/metrics">metrics</a><a href="/healthz">health</a><a href="/readyz">readiness</a>\
            <a href="/peers">peers</a></nav>
            <h2>Peers</h2>
            <table>
            <tr><th>node</th><th>service</th><th>link</th></tr>
            \(rows.joined(separator: "\n"))
            </table>
            </html>

            """
        return AdminAnswer(200, .html, page)
    }
}
