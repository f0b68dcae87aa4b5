// The other side of a health check, for images that hold nothing but the service: the same executable, asked with `--probe`, asks
// the process that runs.

import Cluster
import Primitives

package enum HealthProbe {
    /// What may be asked of a running node.
    package enum Question: String, Equatable {
        /// Does the loop turn? For whoever starts again what hangs.
        case health
        /// Can it do its work? For whoever sends it work.
        case ready

        var path: String { self == .health ? "/healthz" : "/readyz" }
    }

    /// A loop that does not answer within this hangs: its longest step takes milliseconds.
    private static let timeout = Interval.seconds(3)
    private static let goodAnswer = Array("HTTP/1.1 200 ".utf8)

    /// Asks the admin door of a node of this machine.
    static func ask(_ question: Question, _ node: Node) -> Bool {
        guard case .success(let host) = SystemCalls.resolve(node.admin.host) else { return false }
        var sockets = Sockets()
        let request = Array("GET \(question.path) HTTP/1.1\r\nHost: \(node.name)\r\nConnection: close\r\n\r\n".utf8)
        switch SystemCalls.connect(host, port: node.admin.port) {
        case .connected(let descriptor): sockets.write(sockets.add(descriptor, .admin), request)
        case .underWay(let descriptor): _ = sockets.add(descriptor, .admin, isConnecting: true)
        case .failed: return false
        }
        sockets.flush()
        let deadline = SystemCalls.instant() + timeout
        var answer: [UInt8] = []
        while SystemCalls.instant() < deadline {
            for index in 0..<sockets.wait(timeoutMs: 100) {
                switch sockets.fact(index) {
                case .connected(let socket):
                    sockets.write(socket, request)
                    sockets.flush()
                case .received: answer += sockets.received
                case .closed, .connectFailed: return answer.starts(with: goodAnswer)
                case .nothing, .special, .secured, .insecure: break
                }
            }
            if answer.count >= goodAnswer.count { return answer.starts(with: goodAnswer) }
        }
        return false
    }
}
