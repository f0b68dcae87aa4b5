// Asks many admin ports one question at once, each with the same short patience.

import Cluster
import FantailCLI
import Glibc
import Primitives

enum AdminPoll {
    /// Longest answer that is kept, bytes: a page of metrics has about 10 KiB, a trace a few.
    private static let answerBytesMax = 1024 * 1024

    /// - Parameter isChange: a POST, with the header that says that a program of ours sends it.
    /// - Returns: for each address its answer, or why there is none.
    static func get(
        _ path: String, from addresses: [Address], timeoutMs: Int64, isChange: Bool = false
    ) -> [Result<AdminAnswer, CommandFailure>] {
        let deadline = System.now().instant + .milliseconds(timeoutMs)
        var calls = addresses.map { Call($0, path, isChange: isChange) }
        while System.now().instant < deadline {
            var descriptors: [pollfd] = []
            var callers: [Int] = []
            for index in calls.indices {
                guard let socket = calls[index].socket else { continue }
                descriptors.append(pollfd(fd: socket, events: Int16(calls[index].wantsToWrite ? POLLOUT : POLLIN), revents: 0))
                callers.append(index)
            }
            if descriptors.isEmpty { break }
            System.wait(&descriptors, until: deadline)
            for (descriptor, index) in zip(descriptors, callers) where descriptor.revents != 0 { calls[index].onReady() }
        }
        return calls.indices.map { calls[$0].finish(timeoutMs) }
    }

    /// Whether nodes are up and ready.
    static func health(of nodes: [Node]) -> [NodeHealth] {
        let addresses = nodes.map(\.admin)
        let ready = get("/readyz", from: addresses, timeoutMs: 300)
        let metrics = get("/metrics", from: addresses, timeoutMs: 300)
        let now = Double(System.now().stamp.microseconds) / 1_000_000
        return zip(ready, metrics).map { ready, metrics in
            switch ready {
            case .failure(let failure): return NodeHealth(isUp: false, isReady: false, sentence: failure.sentence)
            case .success(let answer):
                var health = NodeHealth(isUp: true, isReady: answer.status == 200, sentence: answer.sentence)
                guard case .success(let page) = metrics else { return health }
                if let start = page.figure(endingWith: "process_start_time_seconds"), start > 0, start <= now {
                    health.uptimeSeconds = Int64(now - start)
                }
                return health
            }
        }
    }

    /// What nodes say of the cluster; nil: no answer.
    static func views(of nodes: [Node]) -> [NodeView?] {
        get("/cluster", from: nodes.map(\.admin), timeoutMs: 500).map { answer in
            guard case .success(let page) = answer, page.status == 200 else { return nil }
            return NodeView(json: page.body)
        }
    }

    private struct Call {
        var socket: Int32?
        private var request: [UInt8]
        private var answer: [UInt8] = []
        private var failure: String?
        private var isConnected = false

        init(_ address: Address, _ path: String, isChange: Bool) {
            let change = isChange ? "X-Fantail-Admin: fantail\r\nContent-Length: 0\r\n" : ""
            let head = "\(isChange ? "POST" : "GET") \(path) HTTP/1.1\r\nHost: \(address)\r\n\(change)Connection: close\r\n\r\n"
            request = Array(head.utf8)
            do throws(CommandFailure) {
                socket = try Sockets.connect(to: address)
            } catch {
                failure = error.sentence
            }
        }

        var wantsToWrite: Bool { !isConnected || !request.isEmpty }

        mutating func onReady() {
            guard let socket else { return }
            if !isConnected {
                if let why = Sockets.failure(of: socket) { return end(why.lowercased()) }
                isConnected = true
            }
            if !request.isEmpty {
                if !Sockets.send(&request, to: socket) { end("the connection broke") }
                return
            }
            guard let bytes = System.read(socket) else { return }
            answer += bytes
            if bytes.isEmpty || answer.count > AdminPoll.answerBytesMax { end(nil) }
        }

        mutating func finish(_ timeoutMs: Int64) -> Result<AdminAnswer, CommandFailure> {
            if socket != nil { end("no answer within \(timeoutMs) ms") }
            // An answer may be whole although the connection stayed open.
            if let parsed = AdminAnswer(answer) { return .success(parsed) }
            return .failure(.failure(failure ?? "the answer is not HTTP"))
        }

        private mutating func end(_ why: String?) {
            failure = why
            if let socket { close(socket) }
            socket = nil
        }
    }
}
