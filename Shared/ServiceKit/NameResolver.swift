// Host names of peers, looked up aside: the lookup blocks, the loop must not.
//
// Containers get new addresses when they are started again, and their names do not resolve before. So a name is looked up
// for each dial, not once at start-up. A cluster file with addresses only never starts this thread.

import Primitives
import Synchronization

final class NameResolver: Sendable {
    struct Answer: Sendable {
        let node: NodeID
        let result: Result<IPv4, SystemCalls.ResolveError>
    }

    private struct Shared: Sendable {
        var questions: [(node: NodeID, host: String)] = []
        var answers: [Answer] = []
    }

    private let shared = Mutex(Shared())
    private let asked = SystemCalls.makeEvent()
    /// Readable when there are answers.
    let answered = SystemCalls.makeEvent()

    /// Starts the thread, which lives as long as the process.
    init() {
        _ = SystemCalls.startThread { [self] in run() }
    }

    /// Bounded by the caller: a peer is dialled once at a time.
    func ask(_ node: NodeID, host: String) {
        shared.withLock { $0.questions.append((node, host)) }
        SystemCalls.raise(event: asked)
    }

    func takeAnswers() -> [Answer] {
        SystemCalls.drain(answered)
        return shared.withLock { shared in
            defer { shared.answers = [] }
            return shared.answers
        }
    }

    private func run() {
        while true {
            _ = SystemCalls.wait(asked, timeoutMs: -1)
            SystemCalls.drain(asked)
            while let (node, host) = shared.withLock({ $0.questions.isEmpty ? nil : $0.questions.removeFirst() }) {
                let answer = Answer(node: node, result: SystemCalls.resolve(host))
                shared.withLock { $0.answers.append(answer) }
                SystemCalls.raise(event: answered)
            }
        }
    }
}
