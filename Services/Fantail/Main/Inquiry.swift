// Questions of a command: asked whenever we are online, until the answer comes or the time is up.

import ChatClient
import ClientProtocol
import FantailCLI
import Primitives

struct Inquiry {
    let courier: Courier
    let timeoutSeconds: Int64
    /// Why there is no answer yet, as far as we know.
    private(set) var trouble = "no answer came"

    init(_ courier: Courier, timeoutSeconds: Int64) {
        self.courier = courier
        self.timeoutSeconds = timeoutSeconds
    }

    /// - Parameters:
    ///   - question: asks under the reference; asked again when this takes as long as no answer does.
    ///   - read: the answer in a piece of news, if it is there.
    /// - Throws: when it is refused for good, or the time is up.
    mutating func ask<Answer>(
        _ question: (Courier, MessageID) throws(CommandFailure) -> Void,
        _ read: (ClientNews, MessageID) -> Answer?
    ) throws(CommandFailure) -> Answer {
        let ref = System.newMessageID()
        let deadline = System.now().instant + .seconds(timeoutSeconds)
        var askAt: Instant? = System.now().instant
        while true {
            let now = System.now().instant
            guard now < deadline else { throw .failure("no answer within \(timeoutSeconds) s (\(trouble))") }
            if courier.client.isLive, let due = askAt, due <= now {
                askAt = now + ClientTimes.answerTimeout
                try question(courier, ref)
            }
            let wakeAt = courier.client.isLive ? min(askAt ?? deadline, deadline) : deadline
            for event in try courier.step(inputs: [], until: wakeAt).events {
                try note(event)
                switch event {
                case .online: askAt = System.now().instant
                case .news(.refused(let error)) where error.ref == ref:
                    guard let wait = Self.retryMs(error) else { throw Self.refusal(error) }
                    askAt = System.now().instant + .milliseconds(wait)
                case .news(let news): if let answer = read(news, ref) { return answer }
                default: break
                }
            }
        }
    }

    mutating func note(_ event: CourierEvent) throws(CommandFailure) {
        switch event {
        case .trouble(let sentence): trouble = sentence
        case .denied(let sentence): throw .failure(sentence)
        case .history, .online, .offline, .news: break
        }
    }

    /// Nil when time does not help.
    static func retryMs(_ error: ErrorFrame) -> Int64? {
        switch error.code {
        case .overloaded, .unavailable, .storageFull: Int64(error.retryMs ?? 250)
        default: nil
        }
    }

    static func refusal(_ error: ErrorFrame) -> CommandFailure {
        .failure("refused: \(Printable.line(error.text)) (\(error.code.name))")
    }
}

extension Arguments {
    /// Of `--timeout`, seconds.
    func timeout() throws(CommandFailure) -> Int64 {
        guard let timeout = TimeSpan.seconds(value("timeout") ?? "30s") else { throw .usage("--timeout must be a time like 30s") }
        return timeout
    }
}
