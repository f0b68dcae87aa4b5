// last-seen: joins the mesh and answers. What clients ask of it is refused as `unsupported` until presence and typing lands here.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC

public struct LastSeenCore: ServiceCore {
    private var featuresRefused: UInt64 = 0
    public var load = LoadBook()

    public init() {}

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .received(_, .featureRequest(let request)):
            featuresRefused += 1
            let error = ErrorFrame(
                .unsupported, "\(request.feature) is not part of this release", ref: request.reference)
            effects.append(.tell(request.origin, .error(error)))
        case .received(let node, let message):
            effects.append(
                .log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        case .requested(let call, _):
            effects.append(.refuse(call, Refusal(.unsupported)))
        case .peerUp, .peerDown, .answered, .refused, .deadline, .flush, .clientAccepted, .clientReceived, .clientClosed,
            .committed, .commitFailed:
            break
        }
    }

    public mutating func deadline() -> Instant? { nil }

    public var unreadiness: String? { nil }

    public func report(into page: inout MetricsPage) {
        page.counter(
            "fantail_last_seen_features_refused_total", "Requests for what this release does not do.", featuresRefused)
    }
}
