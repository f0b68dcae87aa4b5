// fantail group: groups from a script or by hand, with an honest exit code.
//
// A change is written to the device's memory before it leaves, under a reference that stays the same: killed in between, it is
// asked for again by the next command of the device, and the cluster makes no second group of it.

import ChatClient
import ClientProtocol
import FantailCLI
import Glibc
import Groups
import Primitives

enum GroupCommand {
    static let spec = CommandSpec(
        "group", "Make groups, change them, look at them", synopsis: "VERB [GROUP] --as USER [OPTIONS]",
        options: [
            OptionSpec("title", "TITLE", "of a new group; default: the names of its first members"),
            OptionSpec("device", "D", "your device; default cli"),
            OptionSpec("ref", "REF", "the change's name; the same name asks for the same change once; default: a new one"),
            OptionSpec("timeout", "TIME", "how long to wait for each answer; default 30s"),
        ] + connectionOptions,
        notes: ["Verbs:", CommandSpec.aligned(GroupOrder.forms), "Write to a group with fantail send --to GROUP, talk in it with fantail chat --with GROUP."])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let me = try arguments.user("as")
        let order = try GroupOrder(arguments.operands, title: arguments.value("title"), me: me)
        let timeout = try arguments.timeout()
        var ref: MessageID?
        if let text = arguments.value("ref") {
            guard case .change(_, let changes) = order, changes.count == 1 else {
                throw .usage("--ref names one change; this is none, or more than one")
            }
            guard let wanted = MessageID(text) else { throw .usage("--ref: a reference is \(Arguments.nameRule)") }
            ref = wanted
        }
        var run = GroupRun(courier: try Courier(arguments, device: DeviceID("cli")!), timeoutSeconds: timeout)
        try run.courier.start()
        try run.obey(order, ref: ref)
        try run.courier.stop()
        return 0
    }
}

/// One order on its way.
private struct GroupRun {
    let courier: Courier
    private var inquiry: Inquiry

    init(courier: Courier, timeoutSeconds: Int64) {
        self.courier = courier
        inquiry = Inquiry(courier, timeoutSeconds: timeoutSeconds)
    }

    mutating func obey(_ order: GroupOrder, ref: MessageID?) throws(CommandFailure) {
        switch order {
        case .change(let group, let changes):
            var group = group
            for change in changes {
                let isNew = group == nil
                let made = try self.change(group, change, ref: ref ?? System.newMessageID())
                group = made
                if isNew { System.print("\(made)") }
            }
        case .settings(let group, let announcement, let receipts, let history):
            var settings = try info(group).settings
            settings.isAnnouncement = announcement ?? settings.isAnnouncement
            settings.showsReceipts = receipts ?? settings.showsReceipts
            settings.sharesHistory = history ?? settings.sharesHistory
            _ = try change(group, .settings(settings), ref: System.newMessageID())
        case .list:
            var groups: [GroupTitle] = []
            var hasMore = true
            while hasMore {
                let page = try inquiry.ask({ courier, ref throws(CommandFailure) in
                    try courier.requestGroups(after: groups.last?.group, ref: ref)
                }) { news, ref -> ([GroupTitle], Bool)? in
                    if case .groupList(ref, let page, let more) = news { (page, more) } else { nil }
                }
                groups += page.0
                hasMore = page.1 && !page.0.isEmpty
            }
            guard !groups.isEmpty else { return System.complain("you are in no group") }
            System.print(GroupReports.rows(groups))
        case .info(let group): System.print(GroupReports.rows(try info(group)))
        case .receipts(let group, let id):
            let at = try stamp(of: id, in: group)
            let entries = try inquiry.ask({ courier, ref throws(CommandFailure) in
                try courier.requestReceipts(of: group, at: at, ref: ref)
            }) { news, ref -> [ReceiptEntry]? in
                if case .receipts(ref, _, _, let entries) = news { entries } else { nil }
            }
            System.print(GroupReports.rows(entries, clock: System.clock()))
        case .history(let group, let count): System.print(GroupReports.rows(try history(group, count), clock: System.clock()))
        }
    }

    /// Oldest first.
    private mutating func history(_ group: UserID, _ count: Int) throws(CommandFailure) -> [ServerFrame] {
        var entries: [ServerFrame] = []
        var hasMore = true
        while hasMore, entries.count < count {
            let before = entries.last.flatMap(Self.groupNumber)
            let limit = min(count - entries.count, ClientLimits.historyEntryCountMax)
            let page = try inquiry.ask({ courier, ref throws(CommandFailure) in
                try courier.requestHistory(of: group, before: before, limit: limit, ref: ref)
            }) { news, ref -> ([ServerFrame], Bool)? in
                if case .history(ref, let page, let more) = news { (page, more) } else { nil }
            }
            entries += page.0
            hasMore = page.1 && !page.0.isEmpty
        }
        return entries.reversed()
    }

    private mutating func info(_ group: UserID) throws(CommandFailure) -> GroupInfo {
        try inquiry.ask({ courier, ref throws(CommandFailure) in
            try courier.requestInfo(of: group, ref: ref)
        }) { news, ref -> GroupInfo? in
            if case .groupInfo(ref, let info) = news { info } else { nil }
        }
    }

    private static func groupNumber(_ entry: ServerFrame) -> UInt64? {
        switch entry {
        case .groupMessage(_, _, let number, _, _, _, _), .groupEvent(_, _, let number, _, _, _, _): number
        default: nil
        }
    }

    private func stamp(of id: MessageID?, in group: UserID) throws(CommandFailure) -> Stamp {
        let messages = courier.store.book[group].messages.filter { $0.change == nil && $0.isSent }
        if let id {
            guard let message = messages.last(where: { $0.id == id }) else {
                throw .failure("this device knows no message \(id) in \(group); was it sent with another --device?")
            }
            return message.at
        }
        guard let message = messages.last(where: \.isOwn) else {
            throw .failure("you wrote nothing to \(group) that this device knows; name a message, or the --device that sent it")
        }
        return message.at
    }

    /// Asks for a change and waits until it is done.
    /// - Returns: the group.
    private mutating func change(
        _ group: UserID?, _ change: GroupChange, ref: MessageID
    ) throws(CommandFailure) -> UserID {
        if let waiting = courier.store.memory.changes.first(where: { $0.ref == ref }) {
            // An earlier run left it behind; it leaves by itself.
            guard waiting == OutgoingChange(ref: ref, group: group, change: change) else {
                throw .failure("another change with the reference \(ref) waits; choose another --ref")
            }
        } else {
            try courier.change(ref, group: group, change)
        }
        let deadline = System.now().instant + .seconds(inquiry.timeoutSeconds)
        while true {
            guard System.now().instant < deadline else {
                throw .failure("not done yet (\(inquiry.trouble)); the next command of this device asks for it again")
            }
            for event in try courier.step(inputs: [], until: deadline).events {
                try inquiry.note(event)
                switch event {
                case .news(.changed(ref, let group, _, _)): return group
                case .news(.changeFailed(ref, let error)): throw Inquiry.refusal(error)
                case .news(.changeFailed(let earlier, let error)):
                    System.complain("an earlier change (\(earlier)) was refused: \(Printable.line(error.text)) (\(error.code.name))")
                default: break
                }
            }
        }
    }
}
