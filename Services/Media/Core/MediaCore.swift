// The media service: links over the chat's socket, bytes over HTTP.
//
// Who may do something is decided on the authenticated socket and travels in a signed link; the HTTP door believes links and
// nothing else. The service holds no file and no table: the store has them (`MediaStore`), this decides who asks it what.
//
//     Questions.swift    `media.upload`, `media.link`, `media.keep`
//     Door.swift         requests at the HTTP door
//     Uploads.swift      bytes that come in
//     Downloads.swift    bytes that go out
//     Links.swift        signing and checking
//
// What a connection may cost is bounded: a head of 8 KiB, a few pieces on their way to the disk, a pace.

import ClientProtocol
import Cluster
import CoreKit
import Media
import Messages
import Primitives
import RPC

public struct MediaCore: ServiceCore {
    enum Timer: Hashable, Sendable {
        case sweep
        /// Does this connection get on?
        case pace(SocketID)
    }

    /// What an order was given for.
    enum Pending: Sendable {
        case question(MediaRequest)
        case request(SocketID)
        case piece(SocketID)
        case finish(SocketID, upload: String)
        /// The bucket is being given the upload; then `finish`.
        case place(SocketID, upload: String)
        case fetch(SocketID)
        case sweep
        case removal
        /// Nothing comes of it.
        case nothing
    }

    /// What links begin with: `public=` of the node's line, or `http://` or `https://` and its address for clients; nil when it has neither.
    let base: String?
    let links: Links
    let rules: MediaRules
    var connections: [SocketID: Connection] = [:]
    /// The one connection that writes to an upload.
    var writers: [String: SocketID] = [:]
    var pending: [MediaTicket: Pending] = [:]
    var timers = TimerQueue<Timer>()
    var counters = MediaCounters()
    public var load = LoadBook()
    private var ticketNext: UInt64 = 0
    /// Downloads from the bucket.
    var fetchingCount = 0
    /// One removal at a time, so that what is decided later comes later.
    private var isRemoving = false

    /// - Parameters:
    ///   - base: what links begin with.
    ///   - mac: HMAC-SHA256 with the key of links.
    public init(base: String?, rules: MediaRules = MediaRules(), mac: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.base = base
        self.rules = rules
        links = Links(mac: mac)
    }

    // MARK: ServiceCore

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .received(let node, let message):
            if !timers.isArmed(.sweep) { timers.arm(.sweep, at: now.instant + rules.sweepPause) }
            onReceived(node, message, now: now, &effects)
        case .clientAccepted(let socket, _): onAccepted(socket, now: now, &effects)
        case .clientReceived(let socket, let bytes): onBytes(socket, bytes, now: now, &effects)
        case .clientClosed(let socket): forget(socket)
        case .disk(.done(let outcome)): onDone(outcome, now: now, &effects)
        case .disk(.sent(let socket)): onSent(socket, now: now, &effects)
        case .deadline: onDeadline(now: now, &effects)
        case .peerUp: timers.armIfIdle(.sweep, at: now.instant)
        case .requested(let call, _): effects.append(.refuse(call, Refusal(.unsupported)))
        // Webhooks are another node's.
        case .disk(.hook): break
        case .peerDown, .epoch, .clusterChanged, .answered, .refused, .flush, .committed, .commitFailed: break
        }
    }

    public mutating func deadline() -> Instant? { timers.next() }

    public var unreadiness: String? { base == nil ? "this node has no client= in cluster.conf" : nil }

    // MARK: Facts

    private mutating func onReceived(_ node: NodeID, _ message: Message, now: Now, _ effects: inout [Effect]) {
        switch message {
        case .mediaRequest(let request): onQuestion(request, now: now, &effects)
        default:
            effects.append(
                .log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        }
    }

    private mutating func onDone(_ outcome: MediaOutcome, now: Now, _ effects: inout [Effect]) {
        guard let waiting = pending.removeValue(forKey: outcome.ticket) else { return close(outcome, &effects) }
        switch outcome.result {
        case .broken(let text):
            counters.failures += 1
            effects.append(.log(LogRecord(.error, "store_failed", ["reason": text])))
        case .away(let text), .forbidden(let text):
            counters.storeRefusals += 1
            effects.append(.log(LogRecord(.error, "object_store", ["reason": text])))
        default: break
        }
        switch waiting {
        case .question(let request): onAnswer(request, outcome.result, now: now, &effects)
        case .request(let socket):
            guard let connection = connections[socket], case .asking(let request) = connection.phase else {
                return close(outcome, &effects)
            }
            onLooked(socket, request, outcome.result, now: now, &effects)
        case .piece(let socket): onPiece(socket, outcome.result, now: now, &effects)
        case .finish(let socket, let upload): onFinished(socket, upload, outcome.result, &effects)
        case .place(let socket, let upload): onPlaced(socket, upload, outcome.result, &effects)
        case .fetch(let socket): onFetched(socket, outcome, now: now, &effects)
        case .sweep:
            guard case .swept(let count, let remove) = outcome.result else { return }
            counters.collected += UInt64(count)
            guard !remove.isEmpty, !isRemoving else { return }
            isRemoving = true
            order(.remove(hashes: remove), for: .removal, &effects)
        case .removal:
            isRemoving = false
            if case .removed(let hashes) = outcome.result, !hashes.isEmpty { order(.forget(hashes: hashes), for: .nothing, &effects) }
        case .nothing: break
        }
    }

    /// Nobody waits any more, but a file may be open.
    func close(_ outcome: MediaOutcome, _ effects: inout [Effect]) {
        switch outcome.result {
        case .reading(let stored): if let handle = stored.handle { effects.append(.disk(.close(handle))) }
        case .fetched(let handle): effects.append(.disk(.close(handle)))
        default: break
        }
    }

    private mutating func onDeadline(now: Now, _ effects: inout [Effect]) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .sweep:
                order(.sweep, for: .sweep, &effects)
                timers.arm(.sweep, at: now.instant + rules.sweepPause)
            case .pace(let socket): onPace(socket, now: now, &effects)
            }
        }
    }

    // MARK: Tools

    /// Whether the store may be asked for more.
    var mayOrder: Bool { pending.count < MediaLimits.orderCountMax }

    mutating func order(_ work: MediaOrder.Work, for reason: Pending, _ effects: inout [Effect]) {
        ticketNext += 1
        let ticket = MediaTicket(rawValue: ticketNext)
        pending[ticket] = reason
        effects.append(.disk(.order(MediaOrder(ticket, work))))
    }
}

/// The figures of the service.
struct MediaCounters: Sendable {
    var uploadsBegun: UInt64 = 0
    var uploadsFinished: UInt64 = 0
    var uploadsRefused: UInt64 = 0
    var bytesIn: UInt64 = 0
    var downloads: UInt64 = 0
    var bytesOut: UInt64 = 0
    var links: UInt64 = 0
    var kept: UInt64 = 0
    var collected: UInt64 = 0
    var questionsRefused: UInt64 = 0
    var requestsRefused: UInt64 = 0
    var failures: UInt64 = 0
    var storeRefusals: UInt64 = 0
}

extension MediaCore {
    public func report(into page: inout MetricsPage) {
        page.gauge("fantail_media_connections", "Connections at the HTTP door.", connections.count)
        page.gauge("fantail_media_orders", "Orders that the store has not carried out yet.", pending.count)
        page.counter("fantail_media_uploads_total", "Uploads that were begun.", counters.uploadsBegun)
        page.counter("fantail_media_uploads_finished_total", "Of these, stored.", counters.uploadsFinished)
        page.counter("fantail_media_uploads_refused_total", "Of these, refused for hash or type.", counters.uploadsRefused)
        page.counter("fantail_media_bytes_in_total", "Bytes of uploads that came in.", counters.bytesIn)
        page.counter("fantail_media_downloads_total", "Files, or parts of them, that were asked for.", counters.downloads)
        page.counter("fantail_media_bytes_out_total", "Bytes of files that went out whole.", counters.bytesOut)
        page.counter("fantail_media_links_total", "Links for downloads.", counters.links)
        page.counter("fantail_media_kept_total", "Files whose message was sent.", counters.kept)
        page.counter("fantail_media_collected_total", "Uploads and references that were over.", counters.collected)
        page.counter("fantail_media_questions_refused_total", "Frames that were answered with an error.", counters.questionsRefused)
        page.counter("fantail_media_requests_refused_total", "HTTP requests that were refused.", counters.requestsRefused)
        page.counter("fantail_media_store_failures_total", "Orders that failed for another reason than a full disk.", counters.failures)
        page.counter(
            "fantail_media_object_store_refusals_total", "Orders that the object store did not answer, or refused.", counters.storeRefusals)
    }
}
