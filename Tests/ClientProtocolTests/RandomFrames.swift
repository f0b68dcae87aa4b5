// Frames by the dice: every kind, every optional field there and not there, texts of all planes and lengths.

import ClientProtocol
import Groups
import Primitives
import Privacy

extension SeededGenerator {
    mutating func name(max limit: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+:")
        let length = oneIn(8) ? limit : 1 + pick(0..<min(limit, 20))
        return String((0..<length).map { _ in alphabet[pick(0..<alphabet.count)] })
    }

    mutating func user() -> UserID { UserID(name(max: UserID.bytesMax))! }
    mutating func messageID() -> MessageID { MessageID(name(max: MessageID.bytesMax))! }
    mutating func maybe<T>(_ make: (inout SeededGenerator) -> T) -> T? { oneIn(2) ? nil : make(&self) }

    /// All magnitudes alike: one digit as often as sixteen.
    mutating func number() -> UInt64 { next() % (1 << UInt64(pick(0..<54))) }
    mutating func stamp() -> Stamp { Stamp(microseconds: Int64(number())) }

    mutating func body() -> [UInt8] {
        var body = ""
        let length = oneIn(20) ? pick(0..<4_000) : pick(0..<40)
        for _ in 0..<length {
            switch pick(0..<10) {
            case 0: body.unicodeScalars.append(Unicode.Scalar(UInt8(pick(0..<0x20))))
            case 1: body += ["\"", "\\", "/", "\u{7F}", "\u{2028}"][pick(0..<5)]
            case 2: body.unicodeScalars.append(Unicode.Scalar(UInt32(pick(0x80..<0xD800)))!)
            case 3: body.unicodeScalars.append(Unicode.Scalar(UInt32(pick(0xE000..<0x11_0000)))!)
            default: body.unicodeScalars.append(Unicode.Scalar(UInt8(pick(0x20..<0x7F))))
            }
        }
        return Array(body.utf8)
    }

    mutating func group() -> UserID { UserID("g:" + name(max: UserID.bytesMax - 2))! }
    mutating func users() -> [UserID] { (0..<(oneIn(20) ? 300 : pick(0..<5))).map { _ in user() } }
    mutating func people(_ limit: Int) -> [UserID] { (0..<(oneIn(20) ? limit : pick(0..<5))).map { _ in person() } }
    mutating func person() -> UserID { UserID("p" + name(max: UserID.bytesMax - 1))! }
    mutating func role() -> GroupRole { GroupRole.allCases[pick(0..<GroupRole.allCases.count)] }
    mutating func settings() -> GroupSettings { GroupSettings(isAnnouncement: oneIn(2), showsReceipts: oneIn(2), sharesHistory: oneIn(2)) }

    /// 1...400 bytes, of all planes.
    mutating func title() -> String {
        var title = "t"
        for letter in String(decoding: body(), as: UTF8.self).unicodeScalars where title.utf8.count < 390 {
            title.unicodeScalars.append(letter)
        }
        return title
    }

    /// Any change of a group that is there.
    mutating func change() -> GroupChange {
        switch pick(0..<8) {
        case 0: .rename(title())
        case 1: .describe(oneIn(2) ? "" : title())
        case 2: .add(users())
        case 3: .remove(users())
        case 4: .leave
        case 5: .role(role(), users())
        case 6: .settings(settings())
        default: .delete
        }
    }

    mutating func clientFrame() -> ClientFrame {
        switch pick(0..<22) {
        case 0: .hello(cursor: maybe { $0.number() }, ticks: maybe { $0.stamp() }, attempt: maybe { $0.number() })
        case 1: .send(id: messageID(), to: user(), body: body(), after: maybe { $0.messageID() }, isAuto: oneIn(4))
        case 2: .ack(upTo: number())
        case 3: .read(with: user(), at: stamp(), isAuto: oneIn(4))
        case 4:
            .history(
                ref: maybe { $0.messageID() }, with: maybe { $0.user() }, before: maybe { $0.number() },
                limit: pick(1..<ClientLimits.historyEntryCountMax + 1))
        case 5: .ping(ref: maybe { $0.messageID() })
        case 6, 7:
            if oneIn(4) {
                .group(ref: messageID(), group: nil, change: .create(title: title(), users: users()))
            } else {
                .group(ref: messageID(), group: group(), change: change())
            }
        case 8: .groupInfo(ref: maybe { $0.messageID() }, group: group())
        case 9: .receipts(ref: maybe { $0.messageID() }, with: group(), at: stamp())
        case 10: .groupList(ref: maybe { $0.messageID() }, after: maybe { $0.group() })
        case 11:
            .groupHistory(
                ref: maybe { $0.messageID() }, group: group(), before: maybe { $0.number() },
                limit: pick(1..<ClientLimits.historyEntryCountMax + 1))
        case 12: .active(on: oneIn(2))
        case 13: .presence(ref: maybe { $0.messageID() }, users: [person()] + people(ClientLimits.presenceUserCountMax - 1))
        case 14: .presenceWatch(ref: maybe { $0.messageID() }, users: people(ClientLimits.watchUserCountMax))
        case 15:
            .settings(
                ref: maybe { $0.messageID() }, lastSeen: maybe { $0.oneIn(2) ? .everyone : .nobody },
                exceptions: maybe { $0.people(PrivacyLimits.exceptionCountMax) }, readReceipts: maybe { $0.oneIn(2) })
        case 16: .block(ref: maybe { $0.messageID() }, user: person(), on: oneIn(2))
        case 18: .mediaUpload(ref: messageID(), file: mediaFile())
        case 19: .mediaLink(ref: messageID(), mediaReference())
        case 20: .mediaKeep(ref: messageID(), mediaReference())
        case 17: .typing(to: oneIn(2) ? user() : group(), isOn: oneIn(2))
        default:
            .feature(
                name: ["media.beam", "group.create", "presence.beam", "media.put", "group.", "group.add_member"][pick(0..<6)],
                ref: maybe { $0.messageID() })
        }
    }

    mutating func entry() -> ServerFrame {
        switch pick(0..<5) {
        case 0: .message(number: number(), from: user(), id: messageID(), at: stamp(), body: body())
        case 1: .copy(number: number(), to: user(), id: messageID(), at: stamp(), body: body())
        case 2:
            .groupMessage(
                number: number(), group: group(), groupNumber: number(), from: user(), id: messageID(), at: stamp(), body: body())
        case 3:
            .groupEvent(
                number: number(), group: group(), groupNumber: number(), from: user(), id: messageID(), at: stamp(),
                change: oneIn(5) ? .create(title: title(), users: users()) : change())
        default: .expired(number: number(), to: user(), id: messageID(), at: stamp())
        }
    }

    mutating func serverFrame() -> ServerFrame {
        switch pick(0..<19) {
        case 0:
            .welcome(
                user: user(), device: DeviceID(name(max: DeviceID.bytesMax))!, cursor: number(), head: number(),
                ticks: stamp(), time: stamp(), archive: oneIn(2))
        case 1: .sent(id: messageID(), to: user(), at: stamp())
        case 2: .gap(from: number(), to: number())
        case 3: .delivered(with: user(), at: stamp(), rev: stamp())
        case 4: .read(with: user(), at: stamp(), rev: stamp())
        case 5: .noted(with: user(), at: stamp())
        case 6:
            .history(ref: maybe { $0.messageID() }, entries: (0..<pick(0..<6)).map { _ in entry() }, more: oneIn(2))
        case 7: .pong(ref: maybe { $0.messageID() }, time: stamp())
        case 8:
            .error(
                ErrorFrame(
                    ErrorCode.allCases[pick(0..<ErrorCode.allCases.count)], "say \"why\"\n", ref: maybe { $0.messageID() },
                    retryMs: maybe { UInt32(truncatingIfNeeded: $0.next()) }))
        case 9: .groupDone(ref: messageID(), group: group(), groupNumber: number(), at: stamp())
        case 10:
            .groupInfo(
                ref: maybe { $0.messageID() },
                GroupInfo(
                    group: group(), title: title(), description: title(), settings: settings(),
                    members: users().map { GroupInfo.Member(user: $0, role: role()) }))
        case 11:
            .groupList(
                ref: maybe { $0.messageID() },
                groups: (0..<pick(0..<5)).map { _ in GroupTitle(group: group(), title: title()) }, more: oneIn(2))
        case 12: .groupCounts(group: group(), at: stamp(), delivered: Int(number()), read: Int(number()), of: Int(number()))
        case 13: .groupLate(group: group(), at: stamp(), count: Int(number()))
        case 14:
            .receipts(
                ref: maybe { $0.messageID() }, with: group(), at: stamp(),
                entries: users().map {
                    ReceiptEntry(user: $0, delivered: maybe { $0.stamp() }, read: maybe { $0.stamp() })
                })
        case 15:
            .presence(
                ref: maybe { $0.messageID() },
                users: people(ClientLimits.presenceUserCountMax).map {
                    PresenceLine(user: $0, isOnline: oneIn(2), lastSeen: maybe { $0.stamp() })
                })
        case 16:
            .settings(
                ref: maybe { $0.messageID() },
                UserSettings(
                    lastSeen: oneIn(2) ? .everyone : .nobody, exceptions: people(PrivacyLimits.exceptionCountMax),
                    readReceipts: oneIn(2), blocked: people(PrivacyLimits.blockCountMax), revision: number()))
        case 17: .typing(from: user(), group: maybe { $0.group() }, isOn: oneIn(2))
        default: entry()
        }
    }
}
