// Samples and dice of presence and settings; see Samples.swift.

import Messages
import Primitives
import Privacy

/// Connection 7 at gateway 2.
private let place = ConnectionPlace(gateway: NodeID(rawValue: 2), connection: ConnectionID(rawValue: 7))
private let placeBytes = "02000000 0700000000000000"
private let at300 = Stamp(microseconds: 300)
private let settings = UserSettings(
    lastSeen: .nobody, exceptions: [ana], readReceipts: false, blocked: [ana, bob], revision: 300)
private let settingsBytes = "02 01 03616e61 00 02 03616e61 03626f62 ac02"

let presenceSamples: [Sample] = [
    Sample(48, .changeSettings(ChangeSettings(owner: ana, change: .question)), "03616e61 01 00 00 00"),
    Sample(
        48,
        .changeSettings(ChangeSettings(owner: ana, change: .set(lastSeen: .nobody, exceptions: [bob], readReceipts: false))),
        "03616e61 01 01 02 01 01 03626f62 01 00"),
    Sample(48, .changeSettings(ChangeSettings(owner: ana, change: .unblock(bob))), "03616e61 03 03626f62"),
    Sample(48, .changeSettings(ChangeSettings(owner: ana, change: .revokeTokens(before: at300))), "03616e61 04 ac02"),
    Sample(48, .changeSettings(ChangeSettings(owner: ana, change: .erase(before: at300))), "03616e61 05 ac02"),
    Sample(
        80,
        .settingsStored(SettingsStored(outcome: .changed, settings: UserSettings(lastSeen: .nobody, revokedBefore: at300, revision: 1))),
        "01 12 00 01 00 01 ac02"),
    Sample(49, .readPresence(ReadPresence(users: [ana, bob])), "02 03616e61 03626f62"),
    Sample(50, .storeLastSeen(SeenBatch(items: [.init(user: ana, at: at300)])), "01 03616e61 ac02"),
    Sample(80, .settingsStored(SettingsStored(outcome: .tooManyBlocks, settings: settings)), "03" + settingsBytes),
    Sample(
        81, .presencePage(PresencePage(items: [.init(lastSeen: at300, settings: settings)])), "01 01 ac02" + settingsBytes),
    Sample(
        81, .presencePage(PresencePage(items: [.init(lastSeen: nil, settings: UserSettings())])), "01 00 01 00 01 00 00"),
    Sample(96, .activity(SeenBatch(items: [.init(user: ana, at: at300), .init(user: bob, at: .zero)])), "02 03616e61 ac02 03626f62 00"),
    Sample(97, .appFront(AppFront(user: ana, place: place, isInFront: true, at: at300)), "03616e61" + placeBytes + "01 ac02"),
    Sample(98, .presenceGone(PresenceGone(items: [.init(user: ana, place: place)])), "01 03616e61" + placeBytes),
    Sample(
        99, .presenceQuery(PresenceQuery(origin: origin, reference: m1, users: [bob], isWatch: true)),
        originBytes + "01 026d31 01 03626f62 01"),
    Sample(
        99, .presenceQuery(PresenceQuery(origin: origin, reference: nil, users: [], isWatch: true)), originBytes + "00 00 01"),
    Sample(
        100, .settingsQuery(SettingsQuery(origin: origin, reference: m1, change: .block(bob))),
        originBytes + "01 026d31 02 03626f62"),
    Sample(
        101, .lookUp(LookUp(viewer: ana, users: [bob], watcher: .init(place: place, encoding: .binary))),
        "03616e61 01 03626f62 01" + placeBytes + "02"),
    Sample(101, .lookUp(LookUp(viewer: ana, users: [bob], watcher: nil)), "03616e61 01 03626f62 00"),
    Sample(
        102, .presenceLines(PresenceLines(items: [.init(isOnline: true, lastSeen: at300, isFull: true), .hidden])),
        "02 01 01 ac02 01 00 00 00"),
    Sample(103, .unwatch(Unwatch(place: place, users: [bob])), placeBytes + "01 03626f62"),
    Sample(
        104, .settingsNews(SettingsNews(owner: ana, settings: settings, author: place)),
        "03616e61" + settingsBytes + "01" + placeBytes),
    Sample(
        104, .settingsNews(SettingsNews(owner: ana, settings: UserSettings(), author: nil)), "03616e61 01 00 01 00 00 00"),
]

extension MessageDice {
    private mutating func place() -> ConnectionPlace {
        ConnectionPlace(gateway: NodeID(rawValue: UInt32(truncatingIfNeeded: dice.next())), connection: connection())
    }

    private mutating func people(_ limit: Int) -> [UserID] {
        Set((0..<dice.pick(0..<limit)).map { _ in user() }).sorted()
    }

    private mutating func settings(longest limit: Int) -> UserSettings {
        UserSettings(
            lastSeen: one(Visibility.self), exceptions: people(min(limit, PrivacyLimits.exceptionCountMax)), readReceipts: flag(),
            blocked: people(min(limit, PrivacyLimits.blockCountMax)), revokedBefore: flag() ? stamp() : .zero, revision: number())
    }

    private mutating func settingsChange() -> SettingsChange {
        switch dice.pick(0..<5) {
        case 0:
            .set(
                lastSeen: maybe { $0.one(Visibility.self) }, exceptions: maybe { $0.users(PrivacyLimits.exceptionCountMax) },
                readReceipts: maybe { $0.flag() })
        case 1: .block(user())
        case 2: .revokeTokens(before: stamp())
        case 3: .erase(before: stamp())
        default: .unblock(user())
        }
    }

    private mutating func seen() -> SeenBatch {
        SeenBatch(items: list(MessageLimits.seenCountMax) { .init(user: $0.user(), at: $0.stamp()) })
    }

    /// A message about presence or settings like `sample`, with other contents; nil for all others.
    mutating func presenceMessage(like sample: Message) -> Message? {
        typealias L = MessageLimits
        switch sample {
        case .changeSettings: return .changeSettings(.init(owner: user(), change: settingsChange()))
        case .readPresence: return .readPresence(.init(users: users(L.presenceUserCountMax)))
        case .storeLastSeen: return .storeLastSeen(seen())
        case .settingsStored:
            return .settingsStored(.init(outcome: one(SettingsChange.Outcome.self), settings: settings(longest: .max)))
        case .presencePage:
            return .presencePage(
                .init(
                    items: list(L.presenceUserCountMax) {
                        .init(lastSeen: $0.maybe { $0.stamp() }, settings: $0.settings(longest: 8))
                    }))
        case .activity: return .activity(seen())
        case .appFront: return .appFront(.init(user: user(), place: place(), isInFront: flag(), at: stamp()))
        case .presenceGone:
            return .presenceGone(.init(items: list(L.seenCountMax) { .init(user: $0.user(), place: $0.place()) }))
        case .presenceQuery:
            return .presenceQuery(
                .init(
                    origin: origin(), reference: maybe { $0.id() }, users: users(L.presenceUserCountMax), isWatch: flag()))
        case .settingsQuery:
            return .settingsQuery(.init(origin: origin(), reference: maybe { $0.id() }, change: settingsChange()))
        case .lookUp:
            return .lookUp(
                .init(
                    viewer: user(), users: users(L.presenceUserCountMax),
                    watcher: maybe { .init(place: $0.place(), encoding: $0.one(ClientEncoding.self)) }))
        case .presenceLines:
            return .presenceLines(
                .init(
                    items: list(L.presenceUserCountMax) {
                        .init(isOnline: $0.flag(), lastSeen: $0.maybe { $0.stamp() }, isFull: $0.flag())
                    }))
        case .unwatch: return .unwatch(.init(place: place(), users: users(L.presenceUserCountMax)))
        case .settingsNews:
            return .settingsNews(
                .init(owner: user(), settings: settings(longest: .max), author: maybe { $0.place() }))
        default: return nil
        }
    }
}
