// The chat as a window: keys in, pictures out, the courier in between.

import ChatClient
import ClientProtocol
import FantailCLI
import Glibc
import Groups
import Primitives

struct ChatWindow {
    /// How long a lone escape may be the beginning of a sequence, milliseconds: longer than any terminal pauses inside one.
    private static let escapeMs: Int64 = 50

    private let me: UserID
    private let peer: UserID
    private var screen: ChatScreen
    private var painter: ScreenPainter
    private var editor = LineEditor()
    private var reader = KeyReader()
    /// When the next try to connect comes.
    private var retryAt: Instant?
    private var marked = Stamp.zero
    /// Notices that mean nothing any more once we are online.
    private var troubles: [String] = []
    private var wantsToLeave = false
    private var files: ChatFiles
    /// Of a group, as the cluster told it when the window opened.
    private var title: String?

    init(me: UserID, peer: UserID, trust: Trust) {
        files = ChatFiles(trust)
        self.me = me
        self.peer = peer
        screen = ChatScreen(me: me, peer: peer, clock: System.clock())
        screen.hasColour = System.hasColour
        painter = ScreenPainter(hasColour: System.hasColour)
        resize()
    }

    /// Runs until the person leaves.
    mutating func run(_ courier: Courier, _ terminal: Terminal) throws(CommandFailure) {
        try courier.setInFront(true)
        try courier.watch(peer)
        try courier.start()
        while !wantsToLeave {
            try markRead(courier)
            paint(courier)
            let (events, ready) = try courier.step(inputs: [STDIN_FILENO, terminal.signals, files.descriptor], until: wakeUp(courier))
            for event in events {
                if case .online = event, peer.isGroup { try courier.requestInfo(of: peer) }
                on(event)
                try obey(files.on(event), courier)
            }
            try obey(files.step(courier), courier)
            if ready.contains(terminal.signals) { onSignals(terminal.takeSignals()) }
            if ready.contains(STDIN_FILENO) {
                try onKeys(courier)
            } else if ready.isEmpty, events.isEmpty {
                reader.giveUp()
            }
        }
    }

    // MARK: What happened

    private mutating func on(_ event: CourierEvent) {
        switch event {
        case .history(.received(_, let from, _, _, _)) where from != peer:
            notice(LineMode.notice(from: from, me: me))
        case .history(.posted(_, let group, let from, _, _, _)) where group != peer:
            notice(LineMode.notice(from: from, in: group, me: me))
        case .history(.changed(_, let group, let from, _, _, let change)) where group != peer:
            if let invitation = LineMode.invitation(change, by: from, to: group, me: me) { notice(invitation) }
        case .history(.gap(let from, let to)):
            notice("\(to - from + 1) messages were dropped before this device had them")
        case .history(.restarted):
            notice("the server was set up anew; the inbox begins again")
        case .history: break
        case .news(let news): on(news)
        case .online:
            retryAt = nil
            screen.line = .online
            screen.notices.removeAll { troubles.contains($0) }
            troubles = []
        case .offline(let retryMs):
            retryAt = System.now().instant + .milliseconds(retryMs)
        // The header says that we are offline; the reason helps only who looks for it.
        case .trouble(let sentence), .denied(let sentence):
            if !troubles.contains(sentence) { troubles = troubles.suffix(9) + [sentence] }
            notice(sentence)
        }
    }

    private mutating func on(_ news: ClientNews) {
        switch news {
        case .groupInfo(_, let info) where info.group == peer: title = info.title
        case .counts(peer, let at, let delivered, let read, let of):
            screen.counts[at] = ChatScreen.Counts(delivered: delivered, read: read, of: of)
        case .late(peer, _, let count): notice("\(count) could not be reached yet; tries go on")
        case .presence(_, let lines): if let line = lines.last(where: { $0.user == peer }) { screen.presence = line }
        case .typing(let from, let group, let isOn) where (group ?? from) == peer:
            screen.typists.removeAll { $0 == from }
            if isOn { screen.typists.append(from) }
        default: break
        }
    }

    private mutating func onSignals(_ signals: [Int32]) {
        for signal in signals {
            if signal == SIGWINCH { resize() } else { wantsToLeave = true }
        }
    }

    private mutating func onKeys(_ courier: Courier) throws(CommandFailure) {
        guard let bytes = System.read(STDIN_FILENO) else { return }
        if bytes.isEmpty { wantsToLeave = true }
        var keys: [Key] = []
        reader.receive(bytes, into: &keys)
        for key in keys { try on(key, courier) }
    }

    private mutating func on(_ key: Key, _ courier: Courier) throws(CommandFailure) {
        let before = editor.text
        let isAboutTheLine = editor.on(key)
        try courier.onKey(to: peer, draft: editor.text, before: before)
        guard !isAboutTheLine else { return }
        switch key {
        case .enter:
            let text = editor.text
            guard text.contains(where: { !$0.isWhitespace }) else { return }
            guard text.utf8.count <= ClientLimits.bodyBytesMax else {
                return notice("too long: a message has at most \(ClientLimits.bodyBytesMax) bytes, this has \(text.utf8.count)")
            }
            screen.scroll = 0
            screen.notices = []
            _ = editor.take()
            if let order = FileOrder(text) { return notice(files.take(order, in: courier.store.book[peer])) }
            try courier.send(System.newMessageID(), to: peer, Array(FileOrder.words(of: text).utf8))
        case .pageUp: screen.scroll += max(1, screen.rows - 6)
        case .pageDown: screen.scroll = max(0, screen.scroll - max(1, screen.rows - 6))
        case .redraw: resize()
        case .interrupt: wantsToLeave = true
        case .endOfInput: if editor.isEmpty { wantsToLeave = true }
        default: break
        }
    }

    // MARK: Helpers

    private mutating func obey(_ happened: [ChatFiles.Happening], _ courier: Courier) throws(CommandFailure) {
        for happening in happened {
            switch happening {
            case .notice(let sentence): notice(sentence)
            case .message(let body): try courier.send(System.newMessageID(), to: peer, body)
            }
        }
    }

    private mutating func notice(_ sentence: String) {
        screen.notices.removeAll { $0 == sentence }
        screen.notices = screen.notices.suffix(9) + [sentence]
    }

    private mutating func resize() {
        (screen.rows, screen.columns) = Terminal.size()
        painter.forget()
    }

    private mutating func markRead(_ courier: Courier) throws(CommandFailure) {
        guard let newest = courier.store.book[peer].newestReceived, newest > marked else { return }
        marked = newest
        try courier.markRead(with: peer, at: newest)
    }

    private mutating func paint(_ courier: Courier) {
        if let retryAt {
            let left = retryAt - System.now().instant
            screen.line = left.nanoseconds > 0 ? .offline(retrySeconds: (left.milliseconds + 999) / 1_000) : .connecting
        }
        if !courier.client.isLive { screen.presence = nil }
        screen.now = System.now().stamp
        let chat = courier.store.book[peer]
        screen.title = chat.title ?? title
        screen.scroll = min(screen.scroll, screen.scrollMax(of: chat))
        System.write(painter.paint(screen.picture(of: chat, editor: editor)))
    }

    /// The countdown changes once a second.
    private func wakeUp(_ courier: Courier) -> Instant? {
        let now = System.now().instant
        if reader.isWaiting { return now + .milliseconds(Self.escapeMs) }
        guard let retryAt, retryAt > now else { return courier.client.isLive ? files.deadline : nil }
        let rest = (retryAt - now).nanoseconds % 1_000_000_000
        return now + Interval(nanoseconds: max(rest, 20_000_000))
    }
}
