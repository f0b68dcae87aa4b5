// How long to wait after a refusal that time can heal: what the server says, or a pause that doubles.

import ClientProtocol
import Primitives

struct RetryPause: Sendable {
    private var next = ClientTimes.retryDefault

    /// For the next try, without jitter. Only a pause that the server did not name counts as one of ours.
    mutating func take(_ error: ErrorFrame) -> Interval {
        if let named = error.retryPause { return named }
        defer { next = min(next * 2, ClientTimes.retryMax) }
        return next
    }
}

extension ErrorFrame {
    /// What the server asks for; nil: nothing.
    var retryPause: Interval? { retryMs.map { .milliseconds(Int64($0)) } }
}
