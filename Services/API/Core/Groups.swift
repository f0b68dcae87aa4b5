// Groups: made, read and changed for a member, by the rules for members.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives

extension APICore {
    mutating func makeGroup(_ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        act(ask, now: now, &effects) { body throws(FrameRefusal) in
            let order = try RequestBody.newGroup(body)
            return (order, .group(of: order.from ?? UserID.system, reference: order.id))
        }
    }

    mutating func changeGroup(_ group: String, _ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        guard let group = Self.group(group) else { return .answered(.noSuchGroup) }
        return act(ask, now: now, &effects) { body throws(FrameRefusal) in (try RequestBody.change(body), group) }
    }

    private mutating func act(
        _ ask: Ask, now: Now, _ effects: inout [Effect],
        _ read: ([UInt8]) throws(FrameRefusal) -> (RequestBody.Change, UserID)
    ) -> Outcome {
        let order: RequestBody.Change
        let group: UserID
        do throws(FrameRefusal) {
            (order, group) = try read(ask.body)
        } catch {
            return .answered(Answer(error.error))
        }
        let from = order.from ?? UserID.system
        return submit(.groupDone(from: from), by: groups, to: group, for: from, ask, now: now, &effects) { origin in
            .groupAct(GroupAct(origin: origin, group: group, id: order.id, change: order.change))
        }
    }

    mutating func readGroup(_ group: String, _ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        guard let group = Self.group(group) else { return .answered(.noSuchGroup) }
        return question(.info, .groupInfo, group, ask, now: now, &effects)
    }

    mutating func readGroupReceipts(_ group: String, _ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        guard let group = Self.group(group) else { return .answered(.noSuchGroup) }
        guard let at = ask.query("at").flatMap(Self.stamp) else { return .answered(.bad("at", Self.stampRule)) }
        return question(.receipts(at: at), .groupReceipts, group, ask, now: now, &effects)
    }

    private mutating func question(
        _ question: GroupQuery.Question, _ what: What, _ group: UserID, _ ask: Ask, now: Now, _ effects: inout [Effect]
    ) -> Outcome {
        guard let from = Self.person(ask.query("from") ?? UserID.system.text) else {
            return .answered(.bad("from", Self.personRule))
        }
        return submit(what, by: groups, to: group, for: from, ask, now: now, &effects) { origin in
            .groupQuery(GroupQuery(origin: origin, reference: nil, group: group, question: question))
        }
    }

    mutating func readMemberships(_ user: String, _ ask: Ask, now: Now, _ effects: inout [Effect]) -> Outcome {
        guard let user = Self.person(user) else { return .answered(.bad("user", Self.personRule)) }
        var after: UserID?
        if let text = ask.query("after") {
            after = Self.group(text)
            if after == nil { return .answered(.bad("after", "a group's id, from the last page")) }
        }
        return submit(.groupList(user), by: sessions, to: user, for: user, ask, now: now, &effects) { origin in
            .membershipQuery(MembershipQuery(origin: origin, reference: nil, after: after))
        }
    }

    // MARK: Names

    static let personRule = "a person's id: 1 to \(UserID.bytesMax) of A-Z a-z 0-9 . _ - @ + :, not beginning with \(UserID.groupPrefix)"
    static let stampRule = "a stamp: an integer from 0 to \(Stamp.max.microseconds)"

    static func person(_ text: String) -> UserID? { UserID(text).flatMap { $0.isGroup ? nil : $0 } }
    static func group(_ text: String) -> UserID? { UserID(text).flatMap { $0.isGroup ? $0 : nil } }

    static func stamp(_ text: String) -> Stamp? {
        guard (1...16).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text),
            number <= Stamp.max.microseconds, String(number) == text
        else { return nil }
        return Stamp(microseconds: number)
    }

    // MARK: Answers

    func doneAnswer(_ from: UserID, _ id: MessageID, _ group: UserID, _ number: UInt64, _ at: Stamp) -> Answer {
        var json = JSONText()
        json.string("id", id.text)
        json.string("from", from.text)
        json.string("group", group.text)
        json.number("seq", Int64(clamping: number))
        json.number("at", at.microseconds)
        return Answer(200, json.finished)
    }

    func infoAnswer(_ info: GroupInfo) -> Answer {
        var json = JSONText()
        json.string("group", info.group.text)
        json.string("title", info.title)
        json.string("text", info.description)
        json.flag("announce", info.settings.isAnnouncement)
        json.flag("receipts", info.settings.showsReceipts)
        json.flag("history", info.settings.sharesHistory)
        json.list(
            "members",
            info.members.map { member in
                var line = JSONText()
                line.string("user", member.user.text)
                line.string("role", member.role.name)
                return line.nested
            })
        return Answer(200, json.finished)
    }

    func receiptsAnswer(_ group: UserID, _ at: Stamp, _ entries: [ReceiptEntry]) -> Answer {
        var json = JSONText()
        json.string("group", group.text)
        json.number("at", at.microseconds)
        json.list(
            "members",
            entries.map { entry in
                var line = JSONText()
                line.string("user", entry.user.text)
                line.raw("delivered", entry.delivered.map { String($0.microseconds) } ?? "null")
                line.raw("read", entry.read.map { String($0.microseconds) } ?? "null")
                return line.nested
            })
        return Answer(200, json.finished)
    }

    func listAnswer(_ user: UserID, _ titles: [GroupTitle], _ more: Bool) -> Answer {
        var json = JSONText()
        json.string("user", user.text)
        json.list(
            "groups",
            titles.map { title in
                var line = JSONText()
                line.string("group", title.group.text)
                line.string("title", title.title)
                return line.nested
            })
        json.flag("more", more)
        return Answer(200, json.finished)
    }
}

extension Answer {
    static let noSuchGroup = Answer(refusing: 404, "no_such_group", "a group's id begins with \(UserID.groupPrefix)")
}
