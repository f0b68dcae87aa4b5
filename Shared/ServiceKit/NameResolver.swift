// Host names of peers, looked up aside: a lookup blocks, the loop must not.
//
// Containers get new addresses when they are started again, and their names do not resolve before. So a name is looked up for
// each dial, not once at start-up, and nothing is remembered, least of all a failure.
//
// A name that nobody has may take seconds to be refused: the name server of a network of containers passes such a question on,
// and where nobody answers it the C library waits and asks again. Looked up one behind the other, a few peers that are not there
// would so keep a node from those that are, for minutes. Hence each name has a thread of its own while it is looked up, up to a
// bound, and the C library is told to be brief. A cluster file with addresses only never starts a thread.

import Primitives
import Synchronization

/// What a name is looked up for.
package enum NamePurpose: Hashable, Sendable {
    /// A peer is to be dialled.
    case dial(NodeID)
    /// A node's admin page is to be fetched.
    case look(NodeID)

    var isLook: Bool { if case .look = self { true } else { false } }
}

package final class NameResolver: Sendable {
    package typealias Lookup = @Sendable (String) -> Result<IPv4, SystemCalls.ResolveError>

    package struct Answer: Sendable {
        package let purpose: NamePurpose
        package let result: Result<IPv4, SystemCalls.ResolveError>
    }

    private struct Question: Sendable {
        let purpose: NamePurpose
        let host: String
    }

    private struct Shared: Sendable {
        /// In the order of asking.
        var questions: [Question] = []
        var answers: [Answer] = []
        var threadCount = 0
        /// Threads that are busy with looks.
        var lookCount = 0
    }

    private let lookup: Lookup
    private let threadCountMax: Int
    private let shared = Mutex(Shared())
    /// Readable when there are answers.
    package let answered = SystemCalls.makeEvent()

    /// - Parameters:
    ///   - lookup: blocks as long as it takes. Default: the C library's.
    ///   - threadCountMax: names that are looked up at once.
    package init(threadCountMax: Int = ServiceLimits.lookupThreadCountMax, lookup: @escaping Lookup = { SystemCalls.resolve($0) }) {
        precondition(threadCountMax > 1)
        self.threadCountMax = threadCountMax
        self.lookup = lookup
    }

    /// Bounded by the caller: for each purpose it waits for the answer before it asks again.
    package func ask(_ purpose: NamePurpose, host: String) {
        let needsThread = shared.withLock { shared in
            shared.questions.append(Question(purpose: purpose, host: host))
            guard shared.threadCount < threadCountMax else { return false }
            shared.threadCount += 1
            return true
        }
        if needsThread { SystemCalls.startThread { [self] in run() }.detach() }
    }

    package func takeAnswers() -> [Answer] {
        SystemCalls.drain(answered)
        return shared.withLock { shared in
            defer { shared.answers = [] }
            return shared.answers
        }
    }

    /// A thread's life: as long as there are questions.
    private func run() {
        while let question = next() {
            let answer = Answer(purpose: question.purpose, result: lookup(question.host))
            shared.withLock { shared in
                shared.answers.append(answer)
                if question.purpose.isLook { shared.lookCount -= 1 }
            }
            SystemCalls.raise(event: answered)
        }
    }

    /// Peers come first, and those who only look take half of the threads at most.
    private func next() -> Question? {
        shared.withLock { shared in
            let mayLook = shared.lookCount < threadCountMax / 2
            guard let index = shared.questions.firstIndex(where: { !$0.purpose.isLook }) ?? (mayLook ? shared.questions.indices.first : nil)
            else {
                shared.threadCount -= 1
                return nil
            }
            if shared.questions[index].purpose.isLook { shared.lookCount += 1 }
            return shared.questions.remove(at: index)
        }
    }
}
