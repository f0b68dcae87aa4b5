// The types of frames: a name for JSON, a number for binary, both declared here and nowhere else.
//
// Client 1...15 and 48...63, server 16...47: a frame that went the wrong way is recognised. Numbers retire, they are never reborn.

/// Types of frames from a client. Next free number: 54; 15 carries its name with it.
enum ClientFrameType: UInt8, CaseIterable {
    case hello = 1
    case send = 2
    case ack = 3
    case read = 4
    case history = 5
    case ping = 6
    case group = 7
    case groupInfo = 8
    case groupList = 9
    case receipts = 10
    case groupHistory = 11
    case typing = 12
    case active = 13
    case presence = 14
    case feature = 15
    case presenceWatch = 48
    case settings = 49
    case block = 50
    case mediaUpload = 51
    case mediaLink = 52
    case mediaKeep = 53

    /// The type that stands as a name in `bytes[range]`; the common ones are tried first.
    init?(name bytes: [UInt8], _ range: Range<Int>) {
        if bytes.spell("send", in: range) {
            self = .send
        } else if bytes.spell("ack", in: range) {
            self = .ack
        } else if bytes.spell("read", in: range) {
            self = .read
        } else if bytes.spell("ping", in: range) {
            self = .ping
        } else if bytes.spell("hello", in: range) {
            self = .hello
        } else if bytes.spell("history", in: range) {
            self = .history
        } else if bytes.spell("group", in: range) {
            self = .group
        } else if bytes.spell("group.info", in: range) {
            self = .groupInfo
        } else if bytes.spell("group.list", in: range) {
            self = .groupList
        } else if bytes.spell("receipts", in: range) {
            self = .receipts
        } else if bytes.spell("group.history", in: range) {
            self = .groupHistory
        } else if bytes.spell("typing", in: range) {
            self = .typing
        } else if bytes.spell("active", in: range) {
            self = .active
        } else if bytes.spell("presence", in: range) {
            self = .presence
        } else if bytes.spell("presence.watch", in: range) {
            self = .presenceWatch
        } else if bytes.spell("settings", in: range) {
            self = .settings
        } else if bytes.spell("block", in: range) {
            self = .block
        } else if bytes.spell("media.upload", in: range) {
            self = .mediaUpload
        } else if bytes.spell("media.link", in: range) {
            self = .mediaLink
        } else if bytes.spell("media.keep", in: range) {
            self = .mediaKeep
        } else if Self.isFeature(bytes, range) {
            self = .feature
        } else {
            return nil
        }
    }

    /// Requests for other services: a name that begins with `group.`, `presence.` or `media.`; at most
    /// `ClientLimits.featureBytesMax` bytes of `a-z _ .`
    private static func isFeature(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard range.count <= ClientLimits.featureBytesMax else { return false }
        for i in range {
            switch bytes[i] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "."): continue
            default: return false
            }
        }
        return bytes.begin("group.", in: range) || bytes.begin("presence.", in: range) || bytes.begin("media.", in: range)
    }
}

/// Types of frames to a client. Next free number: 42.
enum ServerFrameType: UInt8, CaseIterable {
    case welcome = 16
    case sent = 17
    case message = 18
    case copy = 19
    case expired = 20
    case gap = 21
    case delivered = 22
    case read = 23
    case noted = 24
    case history = 25
    case pong = 26
    case error = 27
    case groupMessage = 28
    case groupEvent = 29
    case groupDone = 30
    case groupInfo = 31
    case groupList = 32
    case groupCounts = 33
    case groupLate = 34
    case receipts = 35
    case typing = 36
    case presence = 37
    case settings = 38
    case mediaUpload = 39
    case mediaLink = 40
    case mediaKept = 41

    /// The type that stands as a name in `bytes[range]`; the common ones are tried first.
    init?(name bytes: [UInt8], _ range: Range<Int>) {
        if bytes.spell("message", in: range) {
            self = .message
        } else if bytes.spell("group.message", in: range) {
            self = .groupMessage
        } else if bytes.spell("sent", in: range) {
            self = .sent
        } else if bytes.spell("delivered", in: range) {
            self = .delivered
        } else if bytes.spell("read", in: range) {
            self = .read
        } else if bytes.spell("copy", in: range) {
            self = .copy
        } else if bytes.spell("typing", in: range) {
            self = .typing
        } else if bytes.spell("noted", in: range) {
            self = .noted
        } else if bytes.spell("pong", in: range) {
            self = .pong
        } else if bytes.spell("error", in: range) {
            self = .error
        } else if bytes.spell("welcome", in: range) {
            self = .welcome
        } else if bytes.spell("history", in: range) {
            self = .history
        } else if bytes.spell("expired", in: range) {
            self = .expired
        } else if bytes.spell("gap", in: range) {
            self = .gap
        } else {
            self.init(rareName: bytes, range)
        }
    }

    private init?(rareName bytes: [UInt8], _ range: Range<Int>) {
        if bytes.spell("group.counts", in: range) {
            self = .groupCounts
        } else if bytes.spell("group.event", in: range) {
            self = .groupEvent
        } else if bytes.spell("group.done", in: range) {
            self = .groupDone
        } else if bytes.spell("group.info", in: range) {
            self = .groupInfo
        } else if bytes.spell("group.list", in: range) {
            self = .groupList
        } else if bytes.spell("group.late", in: range) {
            self = .groupLate
        } else if bytes.spell("receipts", in: range) {
            self = .receipts
        } else if bytes.spell("presence", in: range) {
            self = .presence
        } else if bytes.spell("settings", in: range) {
            self = .settings
        } else if bytes.spell("media.upload", in: range) {
            self = .mediaUpload
        } else if bytes.spell("media.link", in: range) {
            self = .mediaLink
        } else if bytes.spell("media.kept", in: range) {
            self = .mediaKept
        } else {
            return nil
        }
    }

    /// What may stand in a page of history. The list is flat: a page inside a page would be a way to exhaust a reader's stack.
    var isEntry: Bool {
        switch self {
        case .message, .copy, .expired, .groupMessage, .groupEvent: true
        default: false
        }
    }
}

extension [UInt8] {
    /// True when `self[range]` is exactly `word`.
    @inline(__always)
    func spell(_ word: StaticString, in range: Range<Int>) -> Bool {
        range.count == word.utf8CodeUnitCount && begin(word, in: range)
    }

    /// True when `self[range]` begins with `word`.
    @inline(__always)
    func begin(_ word: StaticString, in range: Range<Int>) -> Bool {
        guard range.count >= word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { letters in
            for i in 0..<letters.count where self[range.lowerBound + i] != letters[i] { return false }
            return true
        }
    }
}
