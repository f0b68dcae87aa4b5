// The certificates in use, and the files that they came from.
//
// The files are looked at every `TLSLimits.reloadInterval`; when one has changed, all are read anew. What can be used is used for
// connections from then on, those that are there keep theirs; what cannot be used is said once, and the former one stays. Between
// the new certificate and its new key the pair does not match: that is one line in the log, and the next look is content.

import CoreKit
import Primitives
import TLS

/// What a certificate is for.
enum CertificateUse: String, CaseIterable {
    case clients
    case peers
}

struct Certificates {
    private struct Entry {
        let use: CertificateUse
        let files: TLSFiles
        var look: TLSFiles.Look
        var context: TLSContext
        /// What lies there now is no good, and not what is in use.
        var isRefused = false
    }

    private var entries: [Entry] = []
    /// Times that new files were no good.
    private(set) var refusedCount: UInt64 = 0

    /// None: nothing speaks TLS.
    init() {}

    var isEmpty: Bool { entries.isEmpty }

    /// The context of new connections; nil when they do without TLS.
    subscript(use: CertificateUse) -> TLSContext? {
        for entry in entries where entry.use == use { return entry.context }
        return nil
    }

    /// What is in use, when its certificate is over, seconds since 1970, and whether newer files were no good.
    var states: [(use: CertificateUse, expirySeconds: Int64, isRefused: Bool)] {
        entries.map { ($0.use, $0.context.expirySeconds ?? 0, $0.isRefused) }
    }

    /// Reads files for the first time.
    mutating func add(_ use: CertificateUse, _ files: TLSFiles, now: Stamp) throws(TLSFileProblem) {
        // First how they lie, then what is in them: a change in between is seen at the next look.
        let look = files.look()
        entries.append(Entry(use: use, files: files, look: look, context: try Self.make(use, files, now)))
    }

    /// Reads what has changed.
    /// - Returns: what to say about it.
    mutating func refresh(now: Stamp) -> [LogRecord] {
        var records: [LogRecord] = []
        for place in entries.indices {
            let look = entries[place].files.look()
            guard look != entries[place].look else { continue }
            entries[place].look = look
            let use = entries[place].use
            do throws(TLSFileProblem) {
                entries[place].context = try Self.make(use, entries[place].files, now)
                entries[place].isRefused = false
                records.append(LogRecord(.info, "certificate_loaded", fields(entries[place])))
            } catch {
                entries[place].isRefused = true
                refusedCount += 1
                records.append(LogRecord(.error, "certificate_refused", ["use": use.rawValue, "reason": "\(error)"]))
            }
        }
        return records
    }

    /// What is in use, for the log.
    var records: [LogRecord] { entries.map { LogRecord(.info, "certificate_loaded", fields($0)) } }

    private func fields(_ entry: Entry) -> KeyValuePairs<String, String> {
        [
            "use": entry.use.rawValue, "file": entry.files.certificate,
            "until": PlainText.rfc3339(Stamp(microseconds: (entry.context.expirySeconds ?? 0) * 1_000_000)),
        ]
    }

    private static func make(_ use: CertificateUse, _ files: TLSFiles, _ now: Stamp) throws(TLSFileProblem) -> TLSContext {
        switch use {
        case .clients: try TLSContext(serving: files, now: now)
        case .peers: try TLSContext(peers: files, now: now)
        }
    }
}
