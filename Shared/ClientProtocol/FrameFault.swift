// What is wrong with a frame, before it is known whose frame it was.
//
// Both decoders throw a fault; one place turns it into the refusal that the client sees, so that a code means the same in
// JSON and in binary, and every text names its field.

import Primitives

enum FrameFault: Error {
    /// Not JSON, not the binary format, or not UTF-8. `at`: offset of the offending byte, when there is one.
    case malformed(String, at: Int? = nil)
    /// `type` is missing or unknown.
    case unknownType(String)
    /// A field that the frame needs is not there.
    case missing(String)
    /// A field is not what it must be.
    case bad(String, must: String)
    case bodyTooLong

    /// What the client is told. `ref`: the id or ref of the frame, when it could be read.
    func refusal(ref: MessageID?) -> FrameRefusal {
        switch self {
        case .malformed(let reason, nil): FrameRefusal(ErrorFrame(.malformed, reason, ref: ref))
        case .malformed(let reason, let at?): FrameRefusal(ErrorFrame(.malformed, "at byte \(at): \(reason)", ref: ref))
        case .unknownType(let reason): FrameRefusal(ErrorFrame(.unknownType, reason, ref: ref))
        case .missing(let field): FrameRefusal(ErrorFrame(.missingField, "`\(field)` is missing", ref: ref))
        case .bad(let field, let rule): FrameRefusal(ErrorFrame(.badField, "`\(field)` must be \(rule)", ref: ref))
        case .bodyTooLong:
            FrameRefusal(ErrorFrame(.bodyTooLong, "`body` is over \(ClientLimits.bodyBytesMax) bytes", ref: ref))
        }
    }
}

/// What a field must be, in words, the same for both encodings.
enum FieldRule {
    static let user = "a user id: 1 to \(UserID.bytesMax) of A-Z a-z 0-9 . _ - @ + :"
    static let device = "a device id: 1 to \(DeviceID.bytesMax) of A-Z a-z 0-9 . _ - @ + :"
    static let message = "an id: 1 to \(MessageID.bytesMax) of A-Z a-z 0-9 . _ - @ + :"
    static let number = "an integer from 0 to \(ClientLimits.numberMax)"
    static let historyLimit = "an integer from 1 to \(ClientLimits.historyEntryCountMax)"
    static let text = "a string"
    static let flag = "true or false"
}
