// Why a connection ends, as a number on the wire.
//
// A client decides by the code alone whether to reconnect at once, later, with a fresh token, or not at all. The reason text
// repeats it for whoever reads a trace. Codes below 4000 belong to RFC 6455 and the IANA registry; 4000 to 4999 are ours. A
// number that is retired is never given to something else.

/// The close codes that we send. Next free application code: 4005.
public enum CloseCode: UInt16, Equatable, Sendable, CaseIterable {
    /// The purpose is fulfilled; the client said goodbye.
    case normal = 1000
    /// The gateway stops or the page is left; reconnect to another gateway at once.
    case goingAway = 1001
    /// The peer broke RFC 6455. A bug of the client: reconnecting will not cure it.
    case protocolError = 1002
    /// A kind of data that the chosen subprotocol does not have.
    case unsupportedData = 1003
    /// Text that is not UTF-8.
    case invalidPayload = 1007
    /// A rule of the service was broken that has no code of its own.
    case policyViolation = 1008
    /// A message longer, or in more fragments, than the limits allow.
    case messageTooBig = 1009
    /// We met a condition that we did not expect; reconnect with backoff.
    case internalError = 1011
    /// The service restarts; reconnect after a random pause of some seconds.
    case serviceRestart = 1012
    /// Overload; reconnect with backoff.
    case tryAgainLater = 1013
    /// The token's time is over; reconnect with a fresh one.
    case tokenExpired = 4001
    /// The client reads slower than its messages arrive and the send queue is full; reconnect and resume from the cursor.
    case slowConsumer = 4002
    /// The same device connected again and this older connection makes room; do not reconnect.
    case replaced = 4003
    /// The device did not acknowledge in time; the connection counts as dead. Reconnect and resume from the cursor.
    case ackOverdue = 4004

    /// The reason text that goes with the code, at most 123 bytes, ASCII.
    public var reason: String {
        switch self {
        case .normal: "normal"
        case .goingAway: "going_away"
        case .protocolError: "websocket_protocol_error"
        case .unsupportedData: "unsupported_data"
        case .invalidPayload: "invalid_payload"
        case .policyViolation: "policy_violation"
        case .messageTooBig: "message_too_big"
        case .internalError: "internal_error"
        case .serviceRestart: "service_restart"
        case .tryAgainLater: "try_again_later"
        case .tokenExpired: "token_expired"
        case .slowConsumer: "slow_consumer"
        case .replaced: "replaced"
        case .ackOverdue: "ack_overdue"
        }
    }

    /// Whether a code may stand in a close frame at all. 1004, 1005, 1006 and 1015 are words for local use, the rest of 1016 to
    /// 2999 is unassigned, 3000 to 4999 is free for libraries and applications. Source: RFC 6455, section 7.4, and the IANA registry.
    public static func mayTravel(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
