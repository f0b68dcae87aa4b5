// What a product's backend writes over HTTP (docs/api.md): fields of the clients' frames, in a body of their own.
//
// The path says what is asked, so there is no `type`; and `from` says for whom, because nobody's token does. Everything else
// is read by the rules for clients, and refused in the same words.

import Groups
import Primitives

public enum RequestBody {
    /// A message to be sent; `from` is nil when the body names nobody.
    public struct Message: Equatable, Sendable {
        public var from: UserID?
        public var to: UserID
        public var id: MessageID
        public var after: MessageID?
        public var body: [UInt8]
    }

    /// A change of a group; for a new one `change` is `.create`.
    public struct Change: Equatable, Sendable {
        public var from: UserID?
        public var id: MessageID
        public var change: GroupChange
    }

    /// - Throws: what is wrong, and with which field.
    /// - Complexity: O(bytes.count), here and below.
    public static func message(_ bytes: [UInt8]) throws(FrameRefusal) -> Message {
        try read(bytes) { json throws(FrameFault) in
            Message(
                from: try json.author(), to: try json.user(.to), id: try json.message(.id), after: try json.messageIfPresent(.after),
                body: try json.body())
        }
    }

    /// A group to be made.
    public static func newGroup(_ bytes: [UInt8]) throws(FrameRefusal) -> Change {
        try read(bytes) { json throws(FrameFault) in
            Change(from: try json.author(), id: try json.message(.id), change: .create(title: try json.title(), users: try json.users()))
        }
    }

    /// Any change of a group that is there.
    public static func change(_ bytes: [UInt8]) throws(FrameRefusal) -> Change {
        try read(bytes) { json throws(FrameFault) in
            let change = try json.change()
            if case .create = change { throw .bad(JSONKey.change.name, must: FieldRule.changeOfGroup) }
            return Change(from: try json.author(), id: try json.message(.id), change: change)
        }
    }

    /// From when on tokens hold; nil: the body does not say.
    public static func before(_ bytes: [UInt8]) throws(FrameRefusal) -> Stamp? {
        try read(bytes) { json throws(FrameFault) in try json.stampIfPresent(.before) }
    }

    private static func read<T>(
        _ bytes: [UInt8], _ take: (borrowing JSONObject) throws(FrameFault) -> T
    ) throws(FrameRefusal) -> T {
        var json = JSONObject(bytes)
        do throws(FrameFault) {
            try json.read(bytes.indices)
            return try take(json)
        } catch {
            throw error.refusal(ref: json.reference)
        }
    }
}

extension JSONObject {
    /// For whom: a person.
    fileprivate func author() throws(FrameFault) -> UserID? {
        guard let user = try userIfPresent(.from) else { return nil }
        guard !user.isGroup else { throw .bad(JSONKey.from.name, must: FieldRule.person) }
        return user
    }
}
