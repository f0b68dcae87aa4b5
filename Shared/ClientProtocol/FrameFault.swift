// What is wrong with a frame, before it is known whose frame it was.
//
// Both decoders throw a fault; one place turns it into the refusal that the client sees, so that a code means the same in
// JSON and in binary, and every text names its field.

import Groups
import Media
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
    /// A list names more people than it may.
    case tooManyUsers(String, max: Int)

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
        case .tooManyUsers(let field, let limit):
            FrameRefusal(ErrorFrame(.tooManyUsers, "`\(field)` names more than \(limit) users", ref: ref))
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
    static let group = "a group id: a user id that begins with \(UserID.groupPrefix)"
    static let noGroup = "absent when a group is made: its id is in the answer"
    static let change = "one of create rename describe add remove leave role settings delete"
    static let changeOfGroup = "one of rename describe add remove leave role settings delete"
    static let role = "one of member admin owner"
    static let title = "1 to \(GroupLimits.titleBytesMax) bytes of UTF-8"
    static let description = "at most \(GroupLimits.descriptionBytesMax) bytes of UTF-8"
    static let users = "a list of at most \(GroupLimits.changeUserCountMax) user ids, each 1 to \(UserID.bytesMax) of A-Z a-z 0-9 . _ - @ + :"
    static let members = "a list of at most \(GroupLimits.memberCountMax) members"
    static let titles = "a list of at most \(ClientLimits.groupTitleCountMax) groups"
    static let receipts = "a list of at most \(GroupLimits.memberCountMax) receipts"
    static let person = "a person's id: 1 to \(UserID.bytesMax) of A-Z a-z 0-9 . _ - @ + :, not beginning with \(UserID.groupPrefix)"
    static let people = "a list of people's ids, each 1 to \(UserID.bytesMax) of A-Z a-z 0-9 . _ - @ + :, none beginning with \(UserID.groupPrefix)"
    static let somebody = "a list of at least one person"
    static let visibility = "one of everyone nobody"
    static let presences = "a list of at most \(ClientLimits.presenceUserCountMax) lines"
    static let entries = "a list of at most \(ClientLimits.historyEntryCountMax) entries"
    static let mediaFile = "that of a file: a name of at most \(MediaLimits.nameBytesMax) bytes, a type of 1 to \(MediaLimits.mimeBytesMax), and a SHA-256 in \(MediaLimits.hashDigitCount) digits 0-9 a-f"
    static let media = "\(MediaLimits.idDigitCount) digits 0-9 a-f, and its secret \(MediaLimits.secretDigitCount)"
    static let text = "a string"
    static let flag = "true or false"
}
